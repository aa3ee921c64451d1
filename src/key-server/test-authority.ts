import { createSecureContext, type SecureContext } from "node:tls";
import { generate } from "selfsigned";

export interface TestAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A certificate for these DNS names. */
  issue(names: readonly string[]): Promise<SecureContext>;
}

/** A private CA that lasts as long as the test. */
export async function createTestAuthority(): Promise<TestAuthority> {
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const root = await generate([{ name: "commonName", value: "Test CA" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  return {
    certificate: root.cert,
    issue: async (names) => {
      const leaf = await generate([{ name: "commonName", value: names[0] ?? "" }], {
        ...common,
        ca: { key: root.private, cert: root.cert },
        extensions: [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) }],
      });
      return createSecureContext({ key: leaf.private, cert: leaf.cert, minVersion: "TLSv1.2" });
    },
  };
}
