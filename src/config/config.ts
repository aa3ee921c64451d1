import type { HostedDomain } from "./hosted-domain.ts";
import type { Listener, SmtpListener, TlsFiles } from "./listener.ts";
import type { LoginNames } from "./login-names.ts";
import type { MilterSettings } from "./milter-settings.ts";
import type { NextHop, SecretSource } from "./next-hop.ts";
import type { PolicySettings } from "./policy-settings.ts";
import type { ProxySettings } from "./proxy-settings.ts";
import type {
  KeyLookupSettings,
  MailLogSettings,
  NeighbourSettings,
  QuarantineSettings,
} from "./receiving-settings.ts";
import type { ReportSettings } from "./report-settings.ts";

/** What `vsmtp serve` runs in one process. */
export type Role = "submission" | "mx" | "key-server" | "vault" | "delivery" | "milter" | "proxy";

/** The settings of `vsmtp serve`, checked and complete. Paths are absolute, names canonical. */
export interface Config {
  readonly roles: ReadonlySet<Role>;
  /** The name of this host in greetings, Received fields and Authentication-Results: A-labels, lower case. */
  readonly hostname: string;
  readonly dataDirectory: string;
  readonly logLevel: "error" | "warn" | "info" | "debug";
  readonly store: StoreSettings;
  readonly accounts: AccountSettings;
  readonly submission: {
    readonly listeners: readonly SmtpListener[];
    /** Who is meant by the names that trusted hosts give of users who have logged in there (XCLIENT). */
    readonly logins: LoginNames;
    /** Messages bring the key statements of their signatures along (STP-1). */
    readonly staple: boolean;
    /** What becomes of queued mail of accounts that were suspended, removed or re-keyed. */
    readonly stoppedMail: "hold" | "remove";
    /** Bodies in 8 bits, or with long lines, are converted, as far as they may (MSG-16, MSG-20), or sent as they come. */
    readonly eightBit: "convert" | "keep";
    /** DKIM keys that sign after ours (SIG-58). */
    readonly dkim: readonly DkimSettings[];
    /** The vault where users log in and their keys are; null: in this process. */
    readonly vault: RemoteVaultSettings | null;
  };
  /** The private interface for enrolled submission servers (PRV-1). */
  readonly vault: {
    readonly listeners: readonly Listener[];
    /** Where the sockets of enrolled Unix users and groups are made; null: there are none. */
    readonly socketDirectory: string | null;
  };
  readonly mx: {
    readonly listeners: readonly SmtpListener[];
    /** Names of the operator's further hosts, in which nobody outside may write results either (REC-2). */
    readonly otherHosts: readonly string[];
  };
  readonly keyServer: {
    readonly listeners: readonly Listener[];
    /** How KEY without a key id is answered (KEY-33, KEY-34, KEY-35). */
    readonly exposure: "open" | "decoy" | "kid";
    /** Every asker is sent there with `-FW` (KEY-22); null: they are answered here. */
    readonly redirect: HostAndPort | null;
    /** New clients are sent there while more than a share of the connections, from 0 to 1, are taken. */
    readonly overflow: { readonly target: HostAndPort; readonly above: number } | null;
    /** How many replies are held in memory. */
    readonly remembered: number;
    /** That share the ports. */
    readonly processes: number;
    readonly limits: KeyServerLimits;
  };
  readonly milter: MilterSettings;
  readonly proxies: readonly ProxySettings[];
  /** Domains whose mail this host receives. */
  readonly domains: readonly HostedDomain[];
  /** Where mail for other domains goes instead of to their MX hosts. */
  readonly routes: readonly Route[];
  readonly policy: PolicySettings;
  readonly quarantine: QuarantineSettings;
  readonly reports: ReportSettings;
  readonly log: MailLogSettings;
  readonly keyLookup: KeyLookupSettings;
  readonly neighbours: NeighbourSettings;
  readonly delivery: DeliverySettings;
  readonly network: NetworkSettings;
  readonly limits: Limits;
}

/** Of the key server, in each of its processes. */
export interface KeyServerLimits {
  readonly connections: number;
  readonly connectionsPerPrefix: number;
  /** Requests without key id, or in vain, count ten (KEY-37). */
  readonly requestsPerMinute: number;
  /** Networks, as `192.0.2.0/24`, to which the last two do not apply. */
  readonly exempt: readonly string[];
}

export interface StoreSettings {
  readonly keyring: StoreSource;
  readonly queue: StoreSource;
  /** What became of each message. */
  readonly log: StoreSource;
  /** The folder for messages that are too large for memory; made at first use. */
  readonly spool: string;
  /** Where the key comes from that encrypts private keys. A file is made at first use. */
  readonly masterKey: MasterKeySource;
}

export type StoreSource =
  /** A SQLite file; made at first use. */
  | { readonly kind: "file"; readonly path: string }
  /** It may hold a password: it is never shown. */
  | { readonly kind: "postgresql"; readonly url: string }
  /** systemd's, by its name: it holds the URL. */
  | { readonly kind: "credential"; readonly name: string }
  /** An environment variable, which holds the URL. */
  | { readonly kind: "variable"; readonly name: string };

export type MasterKeySource = SecretSource;

export interface DeliverySettings {
  readonly giveUpAfterMs: number;
  /** When a sender hears that a message is delayed; null: never. */
  readonly warnAfterMs: number | null;
  /** How long a message that could not be delivered waits at first, and at most. */
  readonly retryFirstMs: number;
  readonly retryMostMs: number;
  readonly connectionsPerDestination: number;
  /** In work at a time. */
  readonly messages: number;
  /** Whether TLSA records (RFC 7672) and MTA-STS policies (RFC 8461) of other domains are looked up and kept to. */
  readonly dane: boolean;
  readonly mtaSts: boolean;
}

export interface AccountSettings {
  /** Most recipients of an account in any `periodMs`, over all submission servers; fewer while it is new (LIF-14). */
  readonly limits: {
    readonly recipients: number;
    readonly periodMs: number;
    readonly newAccountRecipients: number;
    readonly newAccountMs: number;
  };
  /** Passwords that are set get a verifier for SCRAM-SHA-256. */
  readonly scram: boolean;
  /** Access tokens that are taken instead of a password (OAUTHBEARER); null: none. */
  readonly tokens: TokenSettings | null;
}

export interface TokenSettings {
  readonly jwks: KeySetSource;
  readonly issuer: string;
  readonly audience: string;
  /** The claim that holds the account's address. */
  readonly claim: string;
  /** Must be among a token's scopes; null: none need be. */
  readonly scope: string | null;
}

/** Where a JWK set is (RFC 7517). */
export type KeySetSource =
  | { readonly kind: "file"; readonly path: string }
  /** https. */
  | { readonly kind: "url"; readonly url: URL };

export interface DkimSettings {
  /** Canonical. */
  readonly domain: string;
  /** In lower case. */
  readonly selector: string;
  /** PEM file of the private key. */
  readonly keyFile: string;
}

export interface RemoteVaultSettings {
  readonly place:
    | { readonly kind: "unix"; readonly path: string }
    | {
        readonly kind: "tcp";
        readonly target: HostAndPort;
        /** What this server proves itself with. */
        readonly tlsFiles: TlsFiles;
        /** PEM file of the authorities that the vault's certificate may come from; null: the system's. */
        readonly caFile: string | null;
        /** SHA-256 (hex) of the public key that the vault's certificate must have; then authorities do not count. */
        readonly serverSpki: string | null;
      };
  /** Keys stay in the vault (SIGN), or are lent to this process (GETKEY). */
  readonly mode: "sign" | "getkey";
}

export interface Route {
  /** A domain; `.domain` for all below it; `*` for all. The longest that fits decides. */
  readonly pattern: string;
  readonly nextHop: NextHop;
}

export interface HostAndPort {
  /** A name in A-labels and lower case, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface NetworkSettings {
  /** Recursive name servers; empty: those of the system. */
  readonly resolvers: readonly { readonly address: string; readonly port: number }[];
  /** For closed test networks: "host:port" that would be connected to → where it really is. */
  readonly connect: ReadonlyMap<string, HostAndPort>;
  /** PEM file of certificate authorities trusted besides the system's. */
  readonly caFile: string | null;
  /** For closed test networks: addresses need not be globally reachable (DIS-11). */
  readonly allowPrivateAddresses: boolean;
  /** Where key servers of others listen. */
  readonly keyPort: number;
}

/** For each SMTP listener. */
export interface Limits {
  readonly messageOctets: number;
  readonly recipients: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly idleTimeoutMs: number;
}
