import { accountOf, type MilterSettings } from "../config/index.ts";
import { NetworkList } from "../dns/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import type { MilterTransaction } from "../milter/index.ts";

/** By what the mail server knows a client whose mail is its user's. */
export type Proof = "login" | "certificate" | "relay" | "local";

/** Where a message comes from. */
export type Origin =
  /** From others. */
  | { readonly kind: "incoming" }
  /** From a user of the mail server. */
  | {
      readonly kind: "outgoing";
      readonly proof: Proof;
      /** What the mail server calls him, for the log. */
      readonly name: string;
      /** Whose account that is by the settings; null: nobody's. */
      readonly account: Address | null;
    };

/** Which settings say who is whose user. */
export type Submitters = Pick<MilterSettings, "logins" | "local" | "localUsers" | "certificates" | "relays">;

const incoming: Origin = { kind: "incoming" };

/** Tells the mail server's own users from others, by what it says of them. */
export class Origins {
  readonly #submitters: Submitters;
  readonly #hostname: string;
  readonly #relays: readonly { readonly networks: NetworkList; readonly account: string | null }[];

  /** @param hostname the mail server's, to which its Unix users belong */
  constructor(submitters: Submitters, hostname: string) {
    this.#submitters = submitters;
    this.#hostname = hostname;
    this.#relays = submitters.relays.map(({ networks, account }) => {
      return { networks: new NetworkList(networks), account };
    });
  }

  of(transaction: MilterTransaction): Origin {
    return (
      this.#byLogin(transaction) ??
      this.#byCertificate(transaction) ??
      this.#byAddress(transaction) ??
      this.#local(transaction) ??
      incoming
    );
  }

  #byLogin({ macros }: MilterTransaction): Origin | null {
    const name = macros.get("auth_authen");
    if (name === undefined || name === "") return null;
    return outgoing("login", name, accountOf(this.#submitters.logins, name));
  }

  /**
   * Sendmail tells of every certificate, and whether it verified it. Postfix has no such macro, and tells only of those
   * that it trusts.
   */
  #byCertificate({ macros }: MilterTransaction): Origin | null {
    const { certificates } = this.#submitters;
    const [subject, issuer] = [macros.get("cert_subject"), macros.get("cert_issuer")];
    if (certificates.length === 0 || subject === undefined || issuer === undefined) return null;
    const verified = macros.get("verify");
    const isTrusted = verified === undefined ? macros.get("v")?.startsWith("Postfix") : verified === "OK";
    if (isTrusted !== true) return null;
    const found = certificates.find((one) => one.subject === subject && one.issuer === issuer);
    return found === undefined ? null : outgoing("certificate", subject, found.account);
  }

  #byAddress({ connection: { family, address }, sender }: MilterTransaction): Origin | null {
    if (address === null || (family !== "inet" && family !== "inet6")) return null;
    const found = this.#relays.find(({ networks }) => networks.has(address));
    if (found === undefined) return null;
    return outgoing("relay", address, found.account ?? (sender.address || null));
  }

  /** What programs of the mail server's host submit, by the name that it checked. */
  #local(transaction: MilterTransaction): Origin | null {
    const name = localUser(transaction);
    if (name === null) return null;
    if (this.#submitters.local !== "sign" || name === "") return outgoing("local", name, null);
    const { logins, localUsers } = this.#submitters;
    const [, user, domain = ""] = /^([^@]+)@(.+)$/.exec(name) ?? [];
    const isUnixUser = [this.#hostname, logins.domain].includes(domain.toLowerCase());
    const listed = localUsers.get(name) ?? (isUnixUser ? localUsers.get(user ?? "") : undefined);
    return outgoing("local", name, listed ?? accountOf(logins, name));
  }
}

/**
 * Null where a client came by the network. Sendmail says "user@localhost" of a program that talks SMTP to it through a pipe,
 * which it knows from the system. Postfix makes up a client for what came by sendmail(1), the local host without a port; it
 * says only the reverse path, which `local_login_sender_maps` binds to the user.
 */
function localUser({ connection, macros, sender }: MilterTransaction): string | null {
  const { family, address, port } = connection;
  if (family === "unknown" || family === "unix") {
    return /^([^@\s]+)@localhost(?![^\s])/.exec(macros.get("_") ?? "")?.[1] ?? null;
  }
  const isHere = address === "127.0.0.1" || address === "::1";
  return isHere && port === null ? sender.address : null;
}

function outgoing(proof: Proof, name: string, account: string | null): Origin {
  const parsed = account === null ? null : parseAddress(account);
  return { kind: "outgoing", proof, name, account: parsed?.ok ? parsed.address : null };
}
