// What the tests of this module share: a DNS, keys of domains, and messages signed by ourselves or by mailauth.
import { generateKeyPairSync } from "node:crypto";
import { sealMessage } from "mailauth/lib/arc/index.js";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { CachingResolver, DnsServer, type NameRecords, StubResolver } from "../dns/index.ts";
import { type DkimKey, DkimSigner, dkimRecord, loadDkimKey, MessageScanner } from "../signature/index.ts";
import { type NeighbourCheck, type NeighbourQuestion, openNeighbourCheck } from "./index.ts";

const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");

export const pem = {
  rsa: String(rsa.privateKey.export(pkcs8)),
  ed25519: String(ed25519.privateKey.export(pkcs8)),
};

export const keys = { rsa: keyOf(pem.rsa), ed25519: keyOf(pem.ed25519) };

function keyOf(text: string): DkimKey {
  const loaded = loadDkimKey(text);
  if (!loaded.ok) throw new Error(loaded.detail);
  return loaded.key;
}

/** The text of the TXT record of a key. */
export function keyRecord(key: DkimKey): string {
  const [, ...strings] = dkimRecord({ domain: "x.test", selector: "s" }, key).split(/ IN TXT "|" "|"$/);
  return strings.join("");
}

export class World {
  /** How many questions the DNS was asked. */
  questions = 0;
  readonly dns = new DnsServer({ onQuestion: () => void this.questions++ });
  readonly failures: unknown[] = [];
  #resolver: StubResolver | null = null;

  async start(): Promise<void> {
    const server = await this.dns.listen();
    this.#resolver = new StubResolver({ servers: [server], timeoutMs: 3000, attemptTimeoutMs: 3000 });
  }

  /** Names of a domain that does everything right from 192.0.2.1. */
  publish(domain: string, more: Readonly<Record<string, NameRecords>> = {}): void {
    const records: Record<string, NameRecords> = {
      [domain]: { TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
      [`_dmarc.${domain}`]: { TXT: ["v=DMARC1; p=reject"] },
      [`rsa._domainkey.${domain}`]: { TXT: [keyRecord(keys.rsa)] },
      [`ed._domainkey.${domain}`]: { TXT: [keyRecord(keys.ed25519)] },
      ...more,
    };
    for (const [name, found] of Object.entries(records)) this.dns.set(name, found);
  }

  get resolver(): StubResolver {
    if (this.#resolver === null) throw new Error("not started");
    return this.#resolver;
  }

  check(options: { deadlineMs?: number } = {}): Promise<NeighbourCheck> {
    return openNeighbourCheck({
      resolver: new CachingResolver(this.resolver),
      hostname: "mx.dest.test",
      onFailure: (error) => this.failures.push(error),
      ...options,
    });
  }
}

/** A message as the border asks about it. */
export function questionAbout(
  message: Uint8Array | string,
  change: { address?: string; helo?: string; reversePath?: string; withoutHash?: boolean } = {},
): NeighbourQuestion & { readonly reads: number } {
  const octets = Buffer.from(message);
  const scanner = new MessageScanner();
  const body = scanner.write(octets);
  const { header, bodyHashBase64, fault } = scanner.finish();
  let reads = 0;
  return {
    client: { address: change.address ?? "192.0.2.1", helo: change.helo ?? "out.someisp.test" },
    reversePath: change.reversePath ?? "allice@someisp.test",
    header,
    bodyHashBase64: fault === null && !change.withoutHash ? bodyHashBase64 : null,
    body: async function* () {
      reads++;
      for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000);
    },
    get reads() {
      return reads;
    },
  };
}

export const LETTER = [
  "From: Allice <allice@someisp.test>",
  "To: bob@dest.test",
  "Subject: Lunch?",
  "Date: Thu, 26 Nov 2026 04:00:00 +0000",
  "Message-ID: <1@someisp.test>",
  "",
  "Noon  at the \t usual place? ",
  "",
  "",
].join("\r\n");

/** Signed as our submission does (SIG-58). */
export function dkimSigned(
  message: string | Buffer,
  kind: keyof typeof keys = "rsa",
  domain = "someisp.test",
): Buffer {
  const octets = Buffer.from(message);
  const scanner = new MessageScanner();
  scanner.write(octets);
  const { header, bodyHashBase64 } = scanner.finish();
  const selector = kind === "rsa" ? "rsa" : "ed";
  const signer = new DkimSigner({ domain, selector, key: keys[kind] });
  return Buffer.concat([signer.sign(header, bodyHashBase64, Math.floor(Date.now() / 1000)), octets]);
}

/** Signed by mailauth, in any form. */
export async function dkimSignedByMailauth(
  message: string | Buffer,
  options: { canonicalization?: string; maxBodyLength?: number; algorithm?: string; domain?: string } = {},
): Promise<Buffer> {
  const { canonicalization = "relaxed/relaxed", algorithm = "rsa-sha256", maxBodyLength } = options;
  const signature = {
    signingDomain: options.domain ?? "someisp.test",
    selector: "rsa",
    privateKey: pem.rsa,
    canonicalization,
    algorithm,
    ...(maxBodyLength === undefined ? {} : { maxBodyLength }),
  };
  const { signatures, errors } = await dkimSign(Buffer.from(message), {
    ...signature,
    signTime: new Date(),
    signatureData: [signature],
  } as Parameters<typeof dkimSign>[1]);
  if (errors.length > 0) throw errors[0];
  return Buffer.concat([Buffer.from(signatures), Buffer.from(message)]);
}

/** With one more ARC set, as a forwarder adds it. */
export async function sealed(
  message: Buffer,
  domain: string,
  authResults: string,
  cv?: "pass" | "fail",
): Promise<Buffer> {
  const set = await sealMessage(message, {
    signingDomain: domain,
    selector: "rsa",
    privateKey: pem.rsa,
    authResults,
    ...(cv === undefined ? {} : { cv }),
  } as Parameters<typeof sealMessage>[1]);
  if (set.length === 0) throw new Error("not sealed");
  return Buffer.concat([set, message]);
}
