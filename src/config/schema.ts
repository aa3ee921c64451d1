import * as z from "zod";
import { listeners, tlsFiles } from "./listener-schema.ts";
import { loginNames, milter } from "./milter-schema.ts";
import { domainPolicy, policy } from "./policy-schema.ts";
import { proxies } from "./proxy-schema.ts";
import { trustedHosts } from "./trusted-schema.ts";
import {
  dkimSelector,
  domainName,
  durationMs,
  durationMsOrNever,
  filePath,
  hostAndPort,
  keySetSource,
  mailAddress,
  masterKeySource,
  network,
  networkOrAddress,
  nextHopPlace,
  octets,
  passwordSource,
  redirectTarget,
  resolverAddress,
  sha256Hex,
  storeSource,
  subjectPrefix,
  vaultPlace,
} from "./values.ts";

// The file as operators write it: names in snake_case, defaults, what each value may be. `vsmtp.example.toml`
// says the same to people. Every table is strict: a name that is not here is refused.

const HOUR_MS = 3_600_000;

/** Where mail goes on to, and how. */
const nextHop = {
  next_hop: nextHopPlace.optional(),
  lmtp: nextHopPlace.optional(),
  tls: z.enum(["none", "opportunistic", "required", "implicit"]).optional(),
  user: z.string().min(1).optional(),
  password: passwordSource.optional(),
};

/** A route is a table, or its next hop alone. */
const route = z.preprocess(
  (value) => (typeof value === "string" ? { next_hop: value } : value),
  z.strictObject(nextHop),
);

const mailbox = z.record(z.string().min(1), filePath);

/** A forward is a table, or its addresses alone. */
const forward = z.preprocess(
  (value) => (typeof value === "string" ? { to: [value] } : Array.isArray(value) ? { to: value } : value),
  z.strictObject({ to: z.array(mailAddress).min(1).max(100), keep: z.boolean().default(false) }),
);

const list = z.strictObject({
  members: z.array(mailAddress).max(5000).optional(),
  members_file: filePath.optional(),
  posts: z.enum(["members", "anyone"]).default("members"),
  from: z.enum(["auto", "rewrite", "sender"]).default("auto"),
  subject_prefix: subjectPrefix.optional(),
  owner: mailAddress.optional(),
});

export const schema = z.strictObject({
  roles: z.array(z.enum(["submission", "mx", "key-server", "vault", "delivery", "milter", "proxy"])).min(1),
  hostname: domainName,
  data_directory: filePath.default("/var/lib/vsmtp"),
  log_level: z.enum(["error", "warn", "info", "debug"]).default("info"),
  tls: z.strictObject(tlsFiles).prefault({}),
  store: z
    .strictObject({
      keyring: storeSource.prefault("keyring.sqlite"),
      queue: storeSource.prefault("queue.sqlite"),
      log: storeSource.optional(),
      spool: filePath.default("spool"),
      master_key: masterKeySource.prefault("master.key"),
    })
    .prefault({}),
  accounts: z
    .strictObject({
      recipients_per_period: z.int().min(0).max(1_000_000_000).default(2000),
      period: durationMs.default(24 * HOUR_MS),
      new_account_recipients: z.int().min(0).max(1_000_000_000).default(200),
      new_account_period: durationMs.default(7 * 24 * HOUR_MS),
      scram: z.boolean().default(false),
      tokens: z
        .strictObject({
          jwks: keySetSource,
          issuer: z.string().min(1),
          audience: z.string().min(1),
          claim: z.string().min(1).default("email"),
          scope: z.string().min(1).optional(),
        })
        .optional(),
    })
    .prefault({}),
  submission: z
    .strictObject({
      listen: listeners({ tls: z.enum(["implicit", "starttls"]).optional(), ...trustedHosts }, [
        "*:465",
        "*:587",
      ]),
      login_domain: loginNames.login_domain,
      logins: loginNames.logins,
      staple: z.boolean().default(false),
      stopped_mail: z.enum(["hold", "remove"]).default("hold"),
      eight_bit: z.enum(["convert", "keep"]).default("convert"),
      dkim: z
        .array(z.strictObject({ domain: domainName, selector: dkimSelector, key: filePath }))
        .default([]),
      vault: z
        .strictObject({
          connect: vaultPlace,
          mode: z.enum(["sign", "getkey"]).default("sign"),
          ...tlsFiles,
          ca_file: filePath.optional(),
          server_spki: sha256Hex.optional(),
        })
        .optional(),
    })
    .prefault({}),
  vault: z
    .strictObject({ listen: listeners({}, ["127.0.0.1:8758"], 0), socket_directory: filePath.optional() })
    .prefault({}),
  mx: z
    .strictObject({
      listen: listeners({ tls: z.enum(["starttls", "none"]).default("starttls"), ...trustedHosts }, ["*:25"]),
      other_hosts: z.array(domainName).default([]),
    })
    .prefault({}),
  key_server: z
    .strictObject({
      listen: listeners({}, ["*:8757"]),
      exposure: z.enum(["open", "decoy", "kid"]).default("decoy"),
      redirect: redirectTarget.optional(),
      overflow: redirectTarget.optional(),
      overflow_above: z.number().min(0).max(1).default(1),
      remembered: z.int().min(1000).max(50_000_000).default(100_000),
      processes: z.int().min(1).max(256).default(1),
      limits: z
        .strictObject({
          connections: z.int().min(1).max(1_000_000).default(2000),
          connections_per_prefix: z.int().min(1).max(1_000_000).default(100),
          requests_per_minute: z.int().min(60).max(1_000_000_000).default(60_000),
          exempt: z.array(network).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
  milter,
  proxy: proxies,
  domains: z
    .array(
      z.strictObject({
        name: domainName,
        maildir_root: filePath.optional(),
        mailboxes: mailbox.prefault({}),
        catch_all: filePath.optional(),
        forwards: z.record(z.string().min(1), forward).prefault({}),
        lists: z.record(z.string().min(1), list).prefault({}),
        ...nextHop,
        ...domainPolicy,
      }),
    )
    .default([]),
  routes: z.record(z.string(), route).default({}),
  policy,
  quarantine: z
    .strictObject({
      into: z.enum(["store", "mailbox"]).default("store"),
      keep: durationMs.default(30 * 24 * HOUR_MS),
      most: octets.default(10 * 2 ** 30),
      digest: z.enum(["never", "daily"]).default("never"),
    })
    .prefault({}),
  log: z
    .strictObject({ enabled: z.boolean().default(true), keep: durationMs.default(30 * 24 * HOUR_MS) })
    .prefault({}),
  reports: z
    .strictObject({
      send: z.boolean().default(false),
      domain: domainName.optional(),
      receive: z.array(mailAddress).max(100).default([]),
      folder: filePath.default("reports"),
      keep: durationMs.default(90 * 24 * HOUR_MS),
    })
    .prefault({}),
  key_lookup: z
    .strictObject({
      required_trust: z.enum(["host", "domain"]).default("host"),
      dane: z.boolean().default(true),
      mta_sts: z.boolean().default(true),
      strangers: z.enum(["remember", "ask"]).default("remember"),
      refusing_hosts: z.enum(["defer", "fail"]).default("defer"),
      gateways: z.array(networkOrAddress).default([]),
    })
    .prefault({}),
  neighbours: z
    .strictObject({ enabled: z.boolean().default(true), deadline: durationMs.default(10_000) })
    .prefault({}),
  delivery: z
    .strictObject({
      give_up_after: durationMs.default(5 * 24 * HOUR_MS),
      warn_after: durationMsOrNever.default(4 * HOUR_MS),
      retry_first: durationMs.default(HOUR_MS / 12),
      retry_most: durationMs.default(4 * HOUR_MS),
      connections_per_destination: z.int().min(1).max(1000).default(10),
      messages: z.int().min(1).max(10_000).default(100),
      dane: z.boolean().default(true),
      mta_sts: z.boolean().default(true),
    })
    .prefault({}),
  network: z
    .strictObject({
      resolvers: z.array(resolverAddress).default([]),
      connect: z.record(z.string(), hostAndPort).default({}),
      ca_file: filePath.optional(),
      allow_private_addresses: z.boolean().default(false),
      key_port: z.int().min(1).max(65535).default(8757),
    })
    .prefault({}),
  limits: z
    .strictObject({
      message_size: octets.default(50 * 2 ** 20),
      recipients: z.int().min(100).max(100_000).default(1000), // RFC 5321 §4.5.3.1.8
      connections: z.int().min(1).max(1_000_000).default(1000),
      connections_per_address: z.int().min(1).max(1_000_000).default(50),
      idle_timeout: durationMs.default(5 * 60_000),
    })
    .prefault({}),
});

export type Settings = z.infer<typeof schema>;
