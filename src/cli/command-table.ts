import type { CommandFile } from "./run-command.ts";

export interface CommandEntry {
  readonly summary: string;
  /** Only the file of the command that runs is loaded. */
  load(): Promise<CommandFile>;
}

/** The commands of `vsmtp` by topic, in the order of its help. */
export const commandTable: Readonly<Record<string, Readonly<Record<string, CommandEntry>>>> = {
  Run: {
    playground: {
      summary: "run two mail providers on this machine and watch them",
      load: () => import("./playground.ts"),
    },
    serve: { summary: "run the roles that a configuration file names", load: () => import("./serve.ts") },
    milter: {
      summary: "sign and verify for a mail server that you have: Postfix, Sendmail",
      load: () => import("./milter.ts"),
    },
    "key-server": {
      summary: "send clients away from this host's key server, and take them again",
      load: () => import("./key-server/index.ts"),
    },
  },
  "Mail on its way": {
    queue: {
      summary: "what waits for delivery: list, retry, hold, release, bounce, remove",
      load: () => import("./queue/index.ts"),
    },
    quarantine: {
      summary: "what is kept from its recipients: list, show, release, delete",
      load: () => import("./quarantine/index.ts"),
    },
    log: {
      summary: "what became of each message: search, show",
      load: () => import("./log/index.ts"),
    },
    report: {
      summary: "what mail systems tell each other of their mail: show, send, complain of spam",
      load: () => import("./report/index.ts"),
    },
  },
  "Domains, accounts and keys (a running server follows at once)": {
    domain: { summary: "domains that are hosted here", load: () => import("./domain/index.ts") },
    account: {
      summary: "accounts: addresses, passwords, grants, limits, suspension",
      load: () => import("./account/index.ts"),
    },
    key: {
      summary: "accounts' keys: history, rotation, re-key, export",
      load: () => import("./key/index.ts"),
    },
    enroll: {
      summary: "submission servers that may use accounts' keys",
      load: () => import("./enroll/index.ts"),
    },
  },
  "Key store": {
    audit: {
      summary: "who did what: read the audit log, prove it whole",
      load: () => import("./audit/index.ts"),
    },
    export: { summary: "write everything to a file", load: () => import("./export.ts") },
    import: { summary: "fill an empty key store from such a file", load: () => import("./import.ts") },
    "master-key": {
      summary: "the key that encrypts private keys: check, replace",
      load: () => import("./master-key/index.ts"),
    },
  },
  "Look, sign and verify": {
    lookup: {
      summary: "ask an address's key server and show the way there",
      load: () => import("./lookup.ts"),
    },
    policy: {
      summary: "tell what is done with mail of a domain, verdict by verdict",
      load: () => import("./policy.ts"),
    },
    sign: { summary: "sign the message on standard input", load: () => import("./sign.ts") },
    verify: { summary: "verify the message on standard input", load: () => import("./verify.ts") },
    explain: {
      summary: "tell what signatures cover and what broke them",
      load: () => import("./explain.ts"),
    },
    canonical: { summary: "print the canonical form that is signed", load: () => import("./canonical.ts") },
    keygen: { summary: "make a key pair", load: () => import("./keygen.ts") },
    "dkim-key": {
      summary: "make a domain's key for DKIM, or print its DNS record",
      load: () => import("./dkim-key.ts"),
    },
  },
};

export function findCommand(name: string): CommandEntry | null {
  for (const commands of Object.values(commandTable)) {
    if (Object.hasOwn(commands, name)) return commands[name] ?? null;
  }
  return null;
}
