// A key server in a process of its own, so that a test can measure its memory: `fork` it with the limits as JSON.
// It tells its port first, and then, to every message, what it holds.
import type { DirectoryKey } from "./index.ts";
import { KeyServer, type KeyServerLimits } from "./index.ts";
import { createTestAuthority } from "./test-authority.ts";

/** What the process tells. */
export type ProcessReport =
  | { readonly port: number; readonly ca: string }
  | { readonly connections: number; readonly residentOctets: number };

const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<KeyServerLimits>;
const authority = await createTestAuthority();
const context = await authority.issue(["mx1.someisp.tld"]);
const key: DirectoryKey = {
  owner: "a",
  kid: "FIH_rUKoiX6PoyILK0Uagg",
  algorithm: "ed25519-sha256",
  state: "active",
  spki: Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64"),
  notBefore: 0,
  notAfter: 99_999_999_999,
  grants: Array.from({ length: 32 }, () => "FIH_rUKoiX6PoyILK0Uagg"),
};
const server = new KeyServer({
  directory: {
    changeCount: () => 0,
    changedSince: () => new Set(),
    domain: async () => ({ epoch: null, statementKey: null }),
    keys: async () => [key],
  },
  secureContext: () => context,
  exposure: "open",
  veilMs: 0, // its thread's memory comes and goes
  limits,
});
const { port } = await server.listen(0, "127.0.0.1");
const tell = (report: ProcessReport): void => void process.send?.(report);

tell({ port, ca: authority.certificate });
process.on("message", () => {
  globalThis.gc?.();
  tell({ connections: server.connections, residentOctets: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());
