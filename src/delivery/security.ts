import { hash } from "node:crypto";
import type { TlsaRecord } from "../dns/index.ts";
import type { ClientTls } from "../smtp/index.ts";
import { judgeDane } from "../transport-security/index.ts";

/** What a connection to a server has to be before mail goes over it. */
export type Security =
  /** Clear text, whatever is offered. */
  | { readonly kind: "none" }
  /** TLS where it works, with whoever is there (RFC 7435). */
  | { readonly kind: "opportunistic" }
  /** TLS with whoever is there: there are TLSA records, and none that can be used (RFC 7672 §2.2). */
  | { readonly kind: "encrypted" }
  | {
      readonly kind: "dane";
      /** Where the TLSA records stand. */
      readonly base: string;
      readonly records: readonly TlsaRecord[];
      /** What the certificate may be for. */
      readonly names: readonly string[];
    }
  /** A certificate that is valid for the host, as its domain's MTA-STS policy has it (RFC 8461 §4.2). */
  | { readonly kind: "mta-sts" }
  /** The same because the settings or the sender (RFC 8689) want it; `implicit`: TLS from the first octet. */
  | { readonly kind: "webpki"; readonly implicit: boolean };

/** What protected the way to the server that answered. */
export type TlsFact = "none" | "encrypted" | "dane" | "mta-sts" | "webpki";

/** The server that answered, and how it was connected to. */
export interface Via {
  readonly host: string;
  /** IP address, or the path of a Unix socket. */
  readonly address: string;
  readonly tls: TlsFact;
}

/** Connections of the same key may be used for one another. */
export function securityKey(security: Security): string {
  if (security.kind === "webpki") return security.implicit ? "implicit" : "webpki";
  // MTA-STS demands of a connection what the settings may demand as well.
  if (security.kind === "mta-sts") return "webpki";
  if (security.kind !== "dane") return security.kind;
  const { base, records, names } = security;
  // Names count for DANE-TA only: domains that share a host with DANE-EE share its connections.
  const wanted = records.some(({ usage }) => usage === 2) ? names : [];
  const written = records.map(
    ({ usage, selector, matchingType, data }) =>
      `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString("hex")}`,
  );
  return `dane ${hash("sha256", JSON.stringify([base, written.sort(), wanted]), "base64url")}`;
}

/** Whether the server proves who it is: what REQUIRETLS wants (RFC 8689 §4.2.1). */
export function isAuthenticated({ kind }: Security): boolean {
  return kind === "dane" || kind === "mta-sts" || kind === "webpki";
}

/** @param ca PEM of the authorities to trust in place of the system's; null: the system's */
export function clientTls(
  security: Security,
  host: string,
  ca: readonly string[] | null,
  nowMs: () => number,
): ClientTls {
  const authorities = ca === null ? {} : { ca };
  switch (security.kind) {
    case "none":
      return { mode: "never" };
    case "opportunistic":
      return { mode: "opportunistic" };
    case "encrypted":
      return { mode: "judged", name: host, accept: () => null };
    case "dane": {
      const { base, records, names } = security;
      return { mode: "judged", name: base, accept: ({ chain }) => judgeDane(records, chain, names, nowMs()) };
    }
    case "mta-sts":
      return { mode: "required", name: host, ...authorities };
    case "webpki":
      return { mode: security.implicit ? "implicit" : "required", name: host, ...authorities };
  }
}

export function tlsFact(security: Security, isEncrypted: boolean): TlsFact {
  if (!isEncrypted) return "none";
  return security.kind === "opportunistic" || security.kind === "none" ? "encrypted" : security.kind;
}
