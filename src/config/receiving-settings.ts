/** How keys of other domains are found. */
export interface KeyLookupSettings {
  /** What key servers have to prove, where their domain does not ask for more itself (TRU-8). */
  readonly requiredTrust: "host" | "domain";
  /** Whether TLSA records of key servers (TRU-3) and MTA-STS policies (TRU-6) are looked up. */
  readonly dane: boolean;
  readonly mtaSts: boolean;
  /** Keys of domains that are known for less than a week are remembered as others, or asked for each time (CCH-8). */
  readonly strangers: "remember" | "ask";
  /** What mail is of a domain without record all of whose hosts refuse connections for more than an hour (DIS-10). */
  readonly refusingHosts: "defer" | "fail";
  /** Networks of hosts that bring everybody's mail: they do not pay for keys that are not there (CCH-14). */
  readonly gateways: readonly string[];
}

/** What becomes of mail whose action is quarantine (ACT-1). */
export interface QuarantineSettings {
  /** `store`: operators keep it, and release what is wanted. `mailbox`: it goes into its mailbox's folder `.Junk`. */
  readonly into: "store" | "mailbox";
  /** After how long it is deleted from the store. */
  readonly keepMs: number;
  /** Octets that may be in the store; what would be more is answered 452, and comes again. */
  readonly most: number;
  /** Recipients are told once a day of what came for them. */
  readonly digest: "never" | "daily";
}

/** SPF, DKIM, DMARC and ARC of incoming mail (NBR-1). */
export interface NeighbourSettings {
  readonly enabled: boolean;
  /** For everything that they wait for. */
  readonly deadlineMs: number;
}

/** What is written down of each message that comes in or is handed in. */
export interface MailLogSettings {
  readonly enabled: boolean;
  readonly keepMs: number;
}
