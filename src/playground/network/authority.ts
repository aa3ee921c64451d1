import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

/** A private certificate authority that lasts as long as the playground. */
export class Authority {
  /** PEM. */
  readonly certificate: string;
  readonly #key: string;

  private constructor(certificate: string, key: string) {
    this.certificate = certificate;
    this.#key = key;
  }

  static async create(): Promise<Authority> {
    const { cert, private: key } = await generate([{ name: "commonName", value: "VSMTP playground CA" }], {
      keyType: "ec",
      algorithm: "sha256",
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    return new Authority(cert, key);
  }

  /** Writes `cert.pem` and `key.pem` into a folder: for these host names, and for mail clients on this machine. */
  async issue(names: readonly string[], folder: string): Promise<void> {
    const { cert, private: key } = await generate([{ name: "commonName", value: names[0] ?? "" }], {
      keyType: "ec",
      algorithm: "sha256",
      ca: { key: this.#key, cert: this.certificate },
      extensions: [
        {
          name: "subjectAltName",
          altNames: [
            ...[...names, "localhost"].map((value) => ({ type: 2 as const, value })),
            { type: 7, ip: "127.0.0.1" },
          ],
        },
      ],
    });
    await Promise.all([
      writeFile(join(folder, "cert.pem"), cert),
      writeFile(join(folder, "key.pem"), key, { mode: 0o600 }),
    ]);
  }
}
