// A system whose users hand in mail, and who reads it.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  MasterKey,
  PublicKeyView,
  UserKeys,
} from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import { type ReceivedMessage, receivedInMemory } from "../reception/index.ts";
import {
  DkimSigner,
  dkimRecord,
  type KeySource,
  loadDkimKey,
  type Verdict,
  verify,
} from "../signature/index.ts";
import type { Spool } from "../spool/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";
import { type DkimSigners, type Login, type SignedSubmission, signSubmission } from "./index.ts";

export const now = 1_073_304_000_000;
export const folder = mkdtempSync(join(tmpdir(), "vsmtp-signing-"));
export const path = join(folder, "keyring.db");
const masterKey = MasterKey.generate();
const store = await openKeyringStore({
  location: path,
  auditKey: auditKeyOf(masterKey),
  sqlite: { busyTimeoutMs: 10 },
});
const clock = { now: () => now };
export const keyring = await Keyring.open({ store, masterKey, clock });
const audit = new AuditWriter(store);
const vault = new KeyringVault({
  authenticator: new Authenticator({ store, masterKey, clock, audit, scram: false }),
  keys: new UserKeys({ store, masterKey, clock, audit }),
});
const view = new PublicKeyView(store);
export const accounts = new Map<string, string>();

before(async () => {
  await keyring.addDomain("someisp.test");
  await keyring.addDomain("other.test");
  for (const [name, ...aliases] of [
    ["allice", "al@someisp.test", "allice@other.test"],
    ["boss", '"the boss"@someisp.test'],
    ["secretary"],
    ["ünal"],
  ]) {
    const made = await keyring.addAccount({ address: `${name}@someisp.test`, aliases });
    assert.ok(made.ok, JSON.stringify(made));
    accounts.set(String(name), made.account.id);
  }
  for (const target of ["boss@someisp.test", '"the boss"@someisp.test']) {
    assert.ok((await keyring.grant(account("secretary"), { kind: "on-behalf", target })).ok);
  }
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

export function account(name: string): string {
  return accounts.get(name) ?? assert.fail(name);
}

export async function login(name: string): Promise<Login> {
  const address = { localPart: name, domain: "someisp.test" };
  const found = await vault.assert(address, { client: "192.0.2.1", channelBinding: null });
  assert.ok(found !== null && !("kind" in found));
  return found;
}

/** What a key server would answer: the keys as the public view shows them. */
export const keys: KeySource = {
  async lookUp({ identity, kid }) {
    const key = (await view.keys(identity, now / 1000)).find((one) => one.kid === kid);
    if (key === undefined) return { kind: "fail", reason: "no-key", detail: "" };
    if (key.state === "revoked" || key.state === "suspended")
      return { kind: "fail", reason: key.state, detail: "" };
    return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
  },
};

/** Text that is no ASCII. */
export const latin = "Viele freundliche Grüße";

export interface Wanted {
  message?: ReceivedMessage;
  convertInto?: Spool | null;
  flags?: readonly "auto"[];
  dkim?: DkimSigners;
  from?: string;
  header?: string[];
  body?: string;
  to?: string[];
  smtputf8?: boolean;
  staple?: boolean;
  /** What is done by somebody else before each signature. */
  meanwhile?: () => Promise<void>;
}

export async function submit(name: string, wanted: Wanted = {}): Promise<SignedSubmission> {
  const header = [
    `From: ${wanted.from ?? `${name}@someisp.test`}`,
    ...(wanted.header ?? ["To: bob@dest.test"]),
  ];
  const text = `${header.join("\r\n")}\r\n\r\n${wanted.body ?? "Hi Bob,\r\n"}`;
  const user = await login(name);
  const by: Login = {
    ...user,
    identify: (address) => user.identify(address),
    spend: (recipients) => user.spend(recipients),
    sign: async (order) => {
      await wanted.meanwhile?.();
      return user.sign(order);
    },
    end: () => user.end(),
  };
  return signSubmission(
    {
      message: wanted.message ?? receivedInMemory(Buffer.from(text)),
      recipients: wanted.to ?? ["bob@dest.test"],
      smtputf8: wanted.smtputf8 ?? false,
      authservIds: ["mx.someisp.test"],
      staple: wanted.staple ?? false,
      ...(wanted.flags ? { flags: wanted.flags } : {}),
      ...(wanted.dkim ? { dkim: wanted.dkim } : {}),
      ...(wanted.convertInto !== undefined ? { convertInto: wanted.convertInto } : {}),
      now,
    },
    by,
  );
}

export function signed(result: SignedSubmission): SignedSubmission & { kind: "signed" } {
  assert.equal(result.kind, "signed", JSON.stringify(result));
  return result as SignedSubmission & { kind: "signed" };
}

export function addresses(texts: readonly string[]): Address[] {
  return texts.flatMap((text) => {
    const parsed = parseAddress(text);
    return parsed.ok ? [parsed.address] : [];
  });
}

export async function contentOf(result: SignedSubmission): Promise<Buffer> {
  const { inline, file } = signed(result).content;
  const pieces = [inline];
  if (file) for await (const piece of file.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function verdictOf(
  result: SignedSubmission,
  recipients?: readonly string[],
  copy = 0,
): Promise<Verdict> {
  const { copies } = signed(result);
  const chosen = copies[copy] ?? assert.fail(`there are ${copies.length} copies`);
  const message = Buffer.concat([chosen.signatures, await contentOf(result)]);
  return verify(message, { now: now / 1000, recipients: addresses(recipients ?? chosen.recipients), keys });
}

export async function refusal(
  result: Promise<SignedSubmission>,
  code: number,
  enhanced: string,
  text: RegExp,
): Promise<void> {
  const outcome = await result;
  assert.equal(outcome.kind, "refused", JSON.stringify(outcome));
  if (outcome.kind !== "refused") return;
  assert.deepEqual(
    [outcome.reply.code, outcome.reply.enhanced],
    [code, enhanced],
    String(outcome.reply.text),
  );
  assert.match(String(outcome.reply.text), text);
}

/** As a session would receive it, its body in a file. */
export async function received(wanted: Wanted, spool: Spool): Promise<ReceivedMessage> {
  const header = [`From: ${wanted.from ?? "allice@someisp.test"}`, ...(wanted.header ?? [])].join("\r\n");
  const message = receivedInMemory(Buffer.from(`${header}\r\n\r\n${wanted.body}`));
  const writer = spool.receive();
  for (const piece of (await message.takeBody()).memory ?? []) await writer.write(piece);
  return { ...message, takeBody: () => writer.finish() };
}

const dkimKeys = ["ed25519", "rsa"].map((type) => {
  const pair =
    type === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
  const loaded = loadDkimKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
  assert.ok(loaded.ok);
  return { selector: type, key: loaded.key };
});

export const dkimOf = (domain: string): readonly DkimSigner[] =>
  dkimKeys.map(({ selector, key }) => new DkimSigner({ domain, selector, key }));

/** What mailauth says of each DKIM signature, top to bottom. */
export async function dkimVerdicts(message: Buffer): Promise<string[]> {
  const { results } = await dkimVerify(message, {
    resolver: async (asked) => {
      for (const { selector, key } of dkimKeys) {
        const domain = asked.replace(`${selector}._domainkey.`, "");
        if (domain === asked) continue;
        const strings = dkimRecord({ domain, selector }, key)
          .split(/\. IN TXT "|" "|"$/)
          .slice(1, -1);
        return [strings];
      }
      return [];
    },
  });
  return results.map(
    ({ signingDomain, selector, status }) => `${signingDomain} ${selector} ${status.result}`,
  );
}
