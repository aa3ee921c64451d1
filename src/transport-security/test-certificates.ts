// Certificates for the tests of this module.
import { X509Certificate } from "node:crypto";
import { generate, type SelfsignedOptions } from "selfsigned";

export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly der: Uint8Array;
}

export interface CertificateWishes {
  /** Who signs; it signs itself unless given. */
  readonly issuer?: TestCertificate;
  /** May it sign others? */
  readonly authority?: boolean;
  readonly from?: Date;
  readonly until?: Date;
  readonly clientOnly?: boolean;
  readonly keyType?: "ec" | "rsa";
}

/** @param names the first is the common name as well */
export async function makeCertificate(
  names: readonly string[],
  { issuer, authority, from, until, clientOnly, keyType = "ec" }: CertificateWishes = {},
): Promise<TestCertificate> {
  const extensions: SelfsignedOptions["extensions"] = authority
    ? [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      ]
    : [
        { name: "subjectAltName", altNames: names.map((value) => ({ type: 2 as const, value })) },
        { name: "extKeyUsage", serverAuth: !clientOnly, clientAuth: clientOnly ?? false },
      ];
  const made = await generate([{ name: "commonName", value: names[0] ?? "" }], {
    keyType,
    algorithm: "sha256",
    extensions,
    ...(issuer ? { ca: { key: issuer.key, cert: issuer.cert } } : {}),
    ...(from ? { notBeforeDate: from } : {}),
    ...(until ? { notAfterDate: until } : {}),
  });
  return { cert: made.cert, key: made.private, der: new X509Certificate(made.cert).raw };
}
