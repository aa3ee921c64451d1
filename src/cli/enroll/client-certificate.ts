import { X509Certificate } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spkiSha256 } from "../../vault-protocol/index.ts";
import { readNamedFile } from "../arguments.ts";
import { UsageError } from "../usage-error.ts";

/** An enrolment ends when it is removed; the date in the certificate only has to be far. */
const YEARS = 30;

export interface ClientCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Makes a private key (mode 0600) and a self-signed certificate for it; neither file may exist. */
export async function makeClientCertificate(name: string, folder: string): Promise<ClientCertificate> {
  const { generate } = await import("selfsigned");
  const notAfterDate = new Date();
  notAfterDate.setUTCFullYear(notAfterDate.getUTCFullYear() + YEARS);
  const pair = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    notAfterDate,
  });
  const files = { certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(files.keyFile, pair.private, { mode: 0o600, flag: "wx" });
    await writeFile(files.certificateFile, pair.cert, { flag: "wx" });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "it exists already; keys are never overwritten" : code;
    throw new UsageError(`${path ?? folder}: cannot be written: ${why}`);
  }
  return files;
}

/** What an enrolment knows a certificate by: the SHA-256 of its public key. */
export function pinOf(certificateFile: string): string {
  const pem = readNamedFile(certificateFile);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new UsageError(`${certificateFile}: no certificate in PEM form`);
  }
  return spkiSha256(certificate.publicKey);
}
