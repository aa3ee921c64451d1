import { generate } from "selfsigned";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly cert: string;
  issue(names: readonly string[]): Promise<Certificate>;
}

/** A private certificate authority for one test run. */
export async function createAuthority(): Promise<Authority> {
  const authority = await generate([{ name: "commonName", value: "VSMTP test authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    cert: authority.cert,
    issue: async (names) => {
      const leaf = await generate([{ name: "commonName", value: names[0] ?? "" }], {
        keyType: "ec",
        algorithm: "sha256",
        ca: { key: authority.private, cert: authority.cert },
        extensions: [
          { name: "subjectAltName", altNames: names.map((value) => ({ type: 2 as const, value })) },
        ],
      });
      return { cert: leaf.cert, key: leaf.private };
    },
  };
}
