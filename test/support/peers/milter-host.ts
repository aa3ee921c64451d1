import type { RelayAccount } from "./relay.ts";

/** A mail server of others where users hand in mail and others' mail comes in, and milters see it. */
export interface MilterHost<Name extends string> {
  readonly ports: Readonly<Record<Name, number>>;
  /** How many messages it keeps because a milter said so. */
  quarantined(): number;
  /** What it wrote about its work. */
  log(): string;
  stop(): Promise<void>;
}

export interface MilterHostSettings<Name extends string> {
  readonly hostname: string;
  /** Places where it listens. */
  readonly services: Readonly<Record<Name, HostService>>;
  /** Where the mail for a domain goes: ports of 127.0.0.1. It takes mail for no others from who has not logged in. */
  readonly nextHops: Readonly<Record<string, number>>;
  /** Who may log in; its authority issues the host's certificate, and clients' ones. */
  readonly account?: RelayAccount;
}

export interface HostService {
  /** In the order in which they see mail. */
  readonly milters: readonly MilterPlace[];
  /** Who may use it: to log in takes no TLS, to show a certificate does. */
  readonly clients: "anybody" | "logins" | "certificates";
}

/** A port of 127.0.0.1, or a Unix socket. */
export type MilterPlace = number | string;
