// The layers of src/: a module is a folder, and imports go down only. check-layers.ts enforces this table.

export interface Module {
  readonly layer: number;
  /** The modules it may import; without this, all of lower layers. */
  readonly only?: readonly string[];
  /** Modules whose code must never be loaded with this one, not even through others. */
  readonly neverLoads?: readonly string[];
  /** Computes only: no npm package, no files, no sockets, no processes. */
  readonly pure?: true;
  /** A program: it may construct everything, and the tests beside other modules stay away from it. */
  readonly program?: true;
  /** The file that others import, when it is not index.ts of its folder. */
  readonly entry?: string;
}

export type Layers = Readonly<Record<string, Module>>;

// Each of these roles must be able to run in a process that holds no private keys.
const privateKeys = ["keyring", "signing", "store", "vault"];

export const layers: Layers = {
  message: { layer: 0, pure: true },
  dns: { layer: 0, only: [] },
  config: { layer: 0, only: [] },
  dialer: { layer: 0, only: [] },
  "unix-socket": { layer: 0, only: [] },
  deadline: { layer: 0, only: [], pure: true },
  changes: { layer: 0, only: [], pure: true },
  "group-commit": { layer: 0, only: [] },
  spool: { layer: 0, only: [] },
  "memory-file": { layer: 0, only: [] },

  signature: { layer: 1, only: ["message"], pure: true },
  "key-protocol": { layer: 1, only: ["message", "signature"] },
  smtp: { layer: 1, only: ["deadline", "message"] },
  milter: { layer: 1, only: ["deadline", "message", "unix-socket"] },
  "transport-security": { layer: 1, only: ["dns", "memory-file"] },
  neighbours: { layer: 1, only: ["dns", "message"] },
  sasl: { layer: 1, only: ["message"], pure: true },
  "vault-protocol": { layer: 1, only: ["message", "signature"] },

  keyring: { layer: 2 },
  queue: { layer: 2 },
  "key-lookup": {
    layer: 2,
    only: ["dialer", "dns", "key-protocol", "message", "signature", "transport-security"],
  },
  reception: { layer: 2, neverLoads: privateKeys },
  "mail-log": { layer: 2, only: ["message"] },

  "key-server": { layer: 3, neverLoads: privateKeys },
  signing: { layer: 3, neverLoads: ["keyring", "store"] },
  verification: { layer: 3, neverLoads: privateKeys },
  reports: { layer: 3, only: ["dns", "mail-log", "message", "transport-security"], neverLoads: privateKeys },
  digest: { layer: 3, only: ["message", "queue"], neverLoads: privateKeys },
  delivery: { layer: 3 },

  vault: { layer: 4 },
  forwarding: { layer: 4, neverLoads: ["keyring", "store", "vault"] },
  submission: { layer: 4, neverLoads: ["keyring", "store", "vault"] },
  border: { layer: 4, neverLoads: privateKeys },

  mx: { layer: 5, neverLoads: privateKeys },
  filter: { layer: 5, neverLoads: ["keyring", "store", "vault"] },
  proxy: { layer: 5, neverLoads: ["keyring", "store", "vault"] },

  // What the package "vsmtp" offers to other programs.
  library: { layer: 6, entry: "src/index.ts" },
  nodemailer: { layer: 6, neverLoads: ["keyring", "store", "vault"] },

  // The databases. They implement what keyring, queue and mail-log declare, and only the programs construct them.
  store: { layer: 7, only: ["message", "signature", "keyring", "queue", "mail-log", "spool"] },

  // One installation put together from its settings; what the programs below share.
  provider: { layer: 8, program: true },
  playground: { layer: 9, program: true },
  cli: { layer: 10, program: true, entry: "src/cli/main.ts" },
};
