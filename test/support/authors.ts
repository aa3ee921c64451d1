import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { DirectoryDomain, DirectoryKey, KeyDirectory } from "../../src/key-server/index.ts";
import { type Address, addressText, parseAddress } from "../../src/message/index.ts";
import { keyId, type SigningKey, type SignOptions, sign } from "../../src/signature/index.ts";

/** Unix seconds. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

export function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.address;
}

export const bob = addressOf("bob@dest.test");

/** A signature key, and what a key server says of it. */
export function newKey(owner: string): { signing: SigningKey; shown: DirectoryKey } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const kid = keyId(spki);
  const now = nowSeconds();
  return {
    signing: { kid, algorithm: "ed25519-sha256", privateKey },
    shown: {
      owner,
      kid,
      algorithm: "ed25519-sha256",
      state: "active",
      spki,
      notBefore: now - 30 * 86_400,
      notAfter: now + 30 * 86_400,
      grants: [],
    },
  };
}

let serial = 0;

/** Somebody who signs what he writes, as his submission server would. */
export class Author {
  readonly address: string;
  readonly key: SigningKey;

  constructor(address: string, key: SigningKey) {
    this.address = address;
    this.key = key;
  }

  /** A message nobody signed yet; its subject is like no other. */
  write(header: Readonly<Record<string, string>> = {}, body = "Noon?\r\n"): string {
    const fields: Record<string, string> = {
      From: `<${this.address}>`,
      To: "<bob@dest.test>",
      Subject: `Lunch ${++serial}`,
      Date: "Thu, 26 Nov 2026 12:00:00 +0000",
      "Message-ID": `<${serial}@someisp.test>`,
      ...header,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${lines.join("")}\r\n${body}`;
  }

  sign(message: string | Buffer = this.write(), over: Partial<SignOptions> = {}): Buffer {
    const octets = typeof message === "string" ? Buffer.from(message, "latin1") : message;
    const signed = sign(octets, {
      keys: [this.key],
      identity: addressOf(this.address),
      recipients: [bob],
      signedAt: nowSeconds(),
      ...over,
    });
    assert.ok(signed.ok, signed.ok ? "" : signed.detail);
    return signed.message;
  }
}

/** What a key server serves: a list that tests change. */
export class KeyList implements KeyDirectory {
  readonly domains = new Set(["someisp.test"]);
  readonly #keys = new Map<string, readonly DirectoryKey[]>();
  readonly #changed: string[] = [];
  /** Addresses whose keys were looked for. */
  readonly asked: string[] = [];
  broken = false;

  author(address: string): Author {
    const { signing, shown } = newKey(address);
    this.set(address, shown);
    return new Author(address, signing);
  }

  set(address: string, ...keys: DirectoryKey[]): void {
    this.#keys.set(addressText(addressOf(address)), keys);
    this.#changed.push(address);
  }

  /** Changes what is said of an author's key. */
  change(author: Author, over: Partial<DirectoryKey>): void {
    const [key] = this.#keys.get(addressText(addressOf(author.address))) ?? [];
    assert.ok(key);
    this.set(author.address, { ...key, ...over });
  }

  changeCount(): number {
    return this.#changed.length;
  }

  changedSince(count: number): ReadonlySet<string> {
    return new Set(this.#changed.slice(count));
  }

  async domain(name: string): Promise<DirectoryDomain | null> {
    return this.domains.has(name) ? { epoch: null, statementKey: null } : null;
  }

  async keys(address: Address): Promise<readonly DirectoryKey[]> {
    const text = addressText(address);
    this.asked.push(text);
    if (this.broken) throw new Error("the database is away");
    return this.#keys.get(text) ?? [];
  }
}
