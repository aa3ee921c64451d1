import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";

/** A milter of others: it signs with DKIM for who has logged in, and verifies DKIM of everybody else. */
export interface PeerMilter {
  readonly port: number;
  /** What it wrote about its work. */
  log(): string;
  stop(): Promise<void>;
}

export interface PeerMilterSettings {
  readonly key: DkimKey;
  /** Whose results are in the Authentication-Results that it writes. */
  readonly authservId: string;
  /** DKIM records by name. */
  readonly records: Readonly<Record<string, string>>;
}

/** What a domain signs with, and the record in its DNS. */
export interface DkimKey {
  readonly domain: string;
  readonly selector: string;
  readonly privateKey: KeyObject;
  readonly name: string;
  readonly record: string;
}

/** RSA, which rspamd needs; OpenDKIM and everybody else knows Ed25519 too. */
export function makeDkimKey(domain: string, selector: string, algorithm: "rsa" | "ed25519"): DkimKey {
  const privateKey =
    algorithm === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
      : generateKeyPairSync("ed25519").privateKey;
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const published = algorithm === "rsa" ? spki : spki.subarray(-32);
  const record = `v=DKIM1; k=${algorithm}; p=${published.toString("base64")}`;
  return { domain, selector, privateKey, name: `${selector}._domainkey.${domain}`, record };
}
