import assert from "node:assert/strict";
import { isAscii, isUtf8 } from "node:buffer";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { PublicKeyView } from "../../../src/keyring/index.ts";
import { type Address, parseAddress } from "../../../src/message/index.ts";
import { receivedInMemory } from "../../../src/reception/index.ts";
import {
  DkimSigner,
  dkimRecord,
  type KeySource,
  keyId,
  loadDkimKey,
  MessageScanner,
  MessageSigner,
  signPrepared,
  type Verdict,
  verify,
} from "../../../src/signature/index.ts";
import { signSubmission } from "../../../src/signing/index.ts";
import { Spool } from "../../../src/spool/index.ts";
import { EveryAuthor } from "../every-author.ts";
import { openLocalVault } from "../local-vault.ts";
import type { PublishedKey } from "./opendkim-judge.ts";

/** How a message is signed: as it is, or by a submission server with its default settings. */
export type Signing = "as it is" | "submitted";

/** A message with its two signatures, for each of its recipients. */
export interface SignedTwice {
  readonly kind: "signed";
  readonly signing: Signing;
  /** VSMTP signatures by recipient; they stand above the rest, which is the same for all. */
  readonly signatures: ReadonlyMap<string, Buffer>;
  /** The DKIM signature and what both sign. */
  readonly rest: Buffer;
}

export type SigningResult = SignedTwice | { readonly kind: "refused"; readonly why: string };

const dkimName = { domain: "someisp.test", selector: "transit" };
const now = Date.now();
const signedAt = Math.floor(now / 1000);

/** Signs messages with VSMTP and with DKIM relaxed/relaxed, neither covering the other, and verifies both. */
export class TransitSigner {
  readonly #folder: string;
  readonly #local: Awaited<ReturnType<typeof openLocalVault>>;
  readonly #spool: Spool;
  readonly #keys: Readonly<Record<Signing, KeySource>>;
  readonly #libraryKey: { kid: string; algorithm: "ed25519-sha256"; privateKey: KeyObject };
  readonly #dkim: DkimSigner;

  readonly dkimKey: PublishedKey;

  private constructor(folder: string, local: Awaited<ReturnType<typeof openLocalVault>>, spool: Spool) {
    this.#folder = folder;
    this.#local = local;
    this.#spool = spool;
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const spki = publicKey.export({ type: "spki", format: "der" });
    this.#libraryKey = { kid: keyId(spki), algorithm: "ed25519-sha256", privateKey };
    const view = new PublicKeyView(local.store);
    this.#keys = {
      "as it is": { lookUp: async () => ({ kind: "key", spki, grants: ["*"], trust: "host" }) },
      submitted: {
        lookUp: async ({ identity, kid }) => {
          const key = (await view.keys(identity, signedAt)).find((one) => one.kid === kid);
          if (key?.state !== "active") return { kind: "fail", reason: "no-key", detail: "" };
          return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
        },
      },
    };
    const loaded = loadDkimKey(
      generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    assert.ok(loaded.ok);
    this.#dkim = new DkimSigner({ ...dkimName, key: loaded.key });
    const [name = "", ...strings] = dkimRecord(dkimName, loaded.key).split(/\. IN TXT "|" "|"$/);
    this.dkimKey = { name, strings: strings.slice(0, -1) };
  }

  static async open(): Promise<TransitSigner> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-transit-"));
    const local = await openLocalVault(join(folder, "keyring.db"));
    return new TransitSigner(folder, local, await Spool.open(join(folder, "spool")));
  }

  async close(): Promise<void> {
    await this.#local.store.close();
    rmSync(this.#folder, { recursive: true });
  }

  sign(signing: Signing, octets: Buffer, recipients: readonly string[]): Promise<SigningResult> {
    return signing === "submitted" ? this.#submit(octets, recipients) : this.#signAsItIs(octets, recipients);
  }

  verify(signing: Signing, octets: Uint8Array, recipient: string): Promise<Verdict> {
    return verify(octets, { now: signedAt, recipients: [addressOf(recipient)], keys: this.#keys[signing] });
  }

  /** What mailauth says of the DKIM signature: `pass`, or else with a comment. */
  async verifyDkim(octets: Uint8Array): Promise<string> {
    const { results } = await dkimVerify(Buffer.from(octets), {
      resolver: async (name: string) => {
        if (name !== this.dkimKey.name) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
        return [[...this.dkimKey.strings]];
      },
    });
    const ours = results.find(
      ({ signingDomain, selector }) => signingDomain === dkimName.domain && selector === dkimName.selector,
    );
    const { result = "none", comment = "" } = ours?.status ?? {};
    return result === "pass" ? "pass" : `${result} ${comment}`.trim();
  }

  async #signAsItIs(octets: Buffer, recipients: readonly string[]): Promise<SigningResult> {
    const signer = new MessageSigner();
    signer.write(octets);
    const prepared = signer.finish();
    if (!prepared.ok) return { kind: "refused", why: prepared.detail };
    if (!prepared.responsible.ok) return { kind: "refused", why: prepared.responsible.detail };
    const identity = prepared.responsible.address;
    const signatures = new Map<string, Buffer>();
    let removed: readonly { start: number; end: number }[] = [];
    for (const recipient of recipients) {
      const result = signPrepared(prepared, {
        identity,
        keys: [this.#libraryKey],
        signedAt,
        recipients: [addressOf(recipient)],
      });
      if (!result.ok) return { kind: "refused", why: result.detail };
      signatures.set(recipient, result.fields);
      removed = result.removed;
    }
    if (removed.length > 0) return { kind: "refused", why: "it has signatures of others" };
    return { kind: "signed", signing: "as it is", signatures, rest: this.#withDkim(octets) };
  }

  async #submit(octets: Buffer, recipients: readonly string[]): Promise<SigningResult> {
    const authors = new EveryAuthor(this.#local.keyring, this.#local.vault);
    await authors.next(octets);
    const result = await signSubmission(
      {
        message: receivedInMemory(octets),
        recipients,
        smtputf8: needsSmtpUtf8(octets),
        authservIds: ["mail.someisp.test"],
        staple: false,
        convertInto: this.#spool,
        now,
      },
      authors,
    );
    if (result.kind === "refused")
      return { kind: "refused", why: `${result.reply.code} ${result.reply.text}` };
    const { inline, file } = result.content;
    const pieces: Uint8Array[] = [inline];
    if (file) {
      for await (const piece of file.read()) pieces.push(piece);
      await file.remove();
    }
    const signatures = new Map<string, Buffer>();
    for (const copy of result.copies)
      for (const recipient of copy.recipients) signatures.set(recipient, Buffer.from(copy.signatures));
    return { kind: "signed", signing: "submitted", signatures, rest: this.#withDkim(Buffer.concat(pieces)) };
  }

  #withDkim(octets: Buffer): Buffer {
    const scanner = new MessageScanner();
    scanner.write(octets);
    const { header, bodyHashBase64 } = scanner.finish();
    return Buffer.concat([this.#dkim.sign(header, bodyHashBase64, signedAt), octets]);
  }
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.address;
}

/** Header fields in UTF-8 may only go out with SMTPUTF8 (RFC 6531); other octets over 127 cannot ask for it. */
export function needsSmtpUtf8(octets: Buffer): boolean {
  const end = octets.indexOf("\r\n\r\n");
  const header = end < 0 ? octets : octets.subarray(0, end);
  return !isAscii(header) && isUtf8(header);
}
