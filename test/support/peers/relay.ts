import { type Authority, type Certificate, createAuthority } from "../certificates.ts";

/** What a relay is told; all else, above all what changes mail, is as its makers have it by default. */
export interface RelaySettings {
  /** The domains it takes mail for, from anybody, and the port on loopback where the mail of each goes. */
  readonly nextHops: Readonly<Record<string, number>>;
  /** Its own name, where it is one of several hosts on the way: no server takes mail that seems to come back to it. */
  readonly hostname?: string;
  /** As whom it logs in at its next hops: inside TLS, whose certificate this authority has issued for "localhost". */
  readonly login?: RelayLogin;
  /** Who may log in to it, inside TLS. */
  readonly account?: RelayAccount;
}

export interface RelayLogin {
  readonly user: string;
  readonly password: string;
  readonly caFile: string;
}

export interface RelayAccount {
  readonly user: string;
  readonly password: string;
  /** Issues its certificate, for "relay.test". */
  readonly authority: Authority;
  /** Of a Dovecot that knows the account, for servers that ask one. */
  readonly dovecotSocket: string;
}

/**
 * A mail server of others that takes mail and passes it on. It has TLS where the next hop offers it, and trusts any
 * certificate; its own is of an authority that nobody knows, unless it has an account.
 */
export interface Relay {
  /** Does not offer STARTTLS. */
  readonly plainPort: number;
  /** Offers STARTTLS. */
  readonly tlsPort: number;
  /** What it wrote about its work. */
  log(): string;
  stop(): Promise<void>;
}

export const relayName = "relay.test";

export async function relayCertificate({ account }: RelaySettings): Promise<Certificate> {
  const authority = account?.authority ?? (await createAuthority());
  return authority.issue([relayName]);
}
