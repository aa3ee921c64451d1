// What the processes of receiving.ts find in its folder.
import { join } from "node:path";

/** Not below .test, which libunbound answers itself. */
export const DOMAIN = "bench.example";
export const dkimName = `ed25519._domainkey.${DOMAIN}`;

/** With both signatures, with one of them, with none; lines end in LF. */
export function messageFile(kind: "both" | "vsmtp" | "dkim" | "none", octets: number): string {
  return `${kind}-${octets}`;
}

/** One message of each account, as it goes over the wire. */
export function coldFile(index: number): string {
  return join("cold", String(index));
}

/** What a receiver noted of its verdicts, written when it ends. */
export interface ReceivingNotes {
  /** Messages by result. */
  readonly results: Readonly<Record<string, number>>;
  /** How long each was verified, milliseconds. */
  readonly verifyingMs: readonly number[];
}
export const NOTES = "notes.json";
