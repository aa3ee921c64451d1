// What the tests of this module pass on: mail of far.test for addresses of here.test, whose keys are in this process or in a
// vault elsewhere.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Forward, HostedDomain, MailingList } from "../config/index.ts";
import type { Expanded } from "../delivery/index.ts";
import { AuditWriter, Authenticator, PublicKeyView, UserKeys } from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import type { LeasedMessage, NewMessage, QueuedRecipient } from "../queue/index.ts";
import { receivedInMemory } from "../reception/index.ts";
import { type Verdict, verify } from "../signature/index.ts";
import { signSubmission } from "../signing/index.ts";
import { Spool } from "../spool/index.ts";
import { Mode, type ModeName } from "../submission/test-modes.ts";
import { KeyringVault } from "../vault/index.ts";
import { Forwarding, type ForwardingOptions } from "./index.ts";

const limit = 4;

export const AUTHOR = "anna@far.test";

export interface SiteOptions {
  readonly mode?: ModeName;
  readonly forwards?: Readonly<Record<string, Forward>>;
  readonly lists?: Readonly<Record<string, Partial<MailingList>>>;
  readonly forwarding?: Partial<ForwardingOptions>;
  readonly spoolOctets?: number;
}

export interface LetterOptions {
  readonly to: string;
  readonly from?: string;
  /** Header lines of the author's own, with CRLF ends. */
  readonly fields?: string;
  readonly flags?: readonly "exact"[];
  readonly body?: string;
  /** What our border recorded; null: nothing, the message was sent from here. */
  readonly recorded?: string | null;
}

export async function openSite(t: TestContext, options: SiteOptions = {}) {
  const { mode = "keyring in the process" } = options;
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-forwarding-"));
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const setUp = await Mode.start(mode, { clock, limit, replyMs: 1000, mayAssert: true });
  const { keyring, store, masterKey, vault } = setUp;
  for (const domain of ["far.test", "here.test"]) assert.ok((await keyring.addDomain(domain)).ok);
  for (const address of [AUTHOR, "bob@here.test", "team@here.test"]) {
    assert.ok((await keyring.addAccount({ address, password: "secret" })).ok);
  }
  // Authors write as much as they like.
  const audit = new AuditWriter(store);
  const authors = new KeyringVault({
    authenticator: new Authenticator({ store, masterKey, clock, audit, scram: false }),
    keys: new UserKeys({ store, masterKey, clock, audit }),
  });
  const spoolFolder = join(folder, "spool");
  const spool = await Spool.open(spoolFolder, { memoryOctets: options.spoolOctets ?? 1 << 20 });
  const problems: string[] = [];
  const forwarding = new Forwarding({
    domains: [hostedDomain(options)],
    vault,
    staple: false,
    dkim: new Map(),
    spool,
    bearsAlteredMail: async () => true,
    now: clock.now,
    onMembersProblem: (_file, problem) => problems.push(problem),
    ...options.forwarding,
  });
  t.after(async () => {
    await setUp.stop();
    rmSync(folder, { recursive: true });
  });
  const view = new PublicKeyView(store);

  /** As it stands in the queue: signed by its author, with what our border put before it. */
  async function letter({
    to,
    from = AUTHOR,
    fields = "",
    flags = [],
    body = "Hello\r\n",
    recorded,
  }: LetterOptions) {
    const login = await authors.assert(addressOf(from), { client: "", channelBinding: null });
    assert.ok(login !== null && "sign" in login);
    const raw = `From: Anna <${from}>\r\nTo: ${to}\r\nSubject: Hi\r\nMessage-ID: <1@far.test>\r\n${fields}\r\n${body}`;
    const signed = await signSubmission(
      {
        message: receivedInMemory(Buffer.from(raw)),
        recipients: [to],
        smtputf8: true,
        authservIds: [],
        staple: false,
        flags,
        now: clock.now(),
      },
      login,
    );
    assert.ok(signed.kind === "signed", JSON.stringify(signed));
    const border = recorded === null ? "" : `${recordedField(recorded ?? PASS)}${RECEIVED}`;
    return Buffer.concat([
      Buffer.from(border),
      signed.copies[0]?.signatures as Buffer,
      signed.content.inline,
    ]);
  }

  /** What comes of a message for an address. */
  async function expand(address: string, octets: Uint8Array, message: Partial<LeasedMessage> = {}) {
    const recipient: QueuedRecipient = {
      index: 0,
      address,
      state: "pending",
      detail: null,
      notify: null,
      originalRecipient: null,
      ...message.recipients?.[0],
    };
    const leased: LeasedMessage = { ...LEASED, enqueuedAt: clock.now(), ...message };
    const found = forwarding.find(address);
    assert.ok(found !== null, `${address} stands for nobody`);
    const content = { inline: [octets], restOctets: 0, rest: () => [] as never };
    return await found.expand(leased, recipient, async () => content);
  }

  /** The verdict of a receiver on the message that goes to an address. */
  async function judged({ messages }: Expanded, recipient: string): Promise<string> {
    const message = messages.find(({ recipients }) => recipients[0]?.address === recipient);
    assert.ok(message !== undefined, `nothing goes to ${recipient}`);
    return words(await verdict(await octetsOf(message), recipient));
  }

  function verdict(octets: Uint8Array, recipient: string): Promise<Verdict> {
    const now = Math.floor(clock.now() / 1000);
    return verify(octets, {
      now,
      recipients: [addressOf(recipient)],
      keys: {
        lookUp: async ({ identity, kid }) => {
          const key = (await view.keys(identity, now)).find((one) => one.kid === kid);
          if (key === undefined || key.state === "revoked")
            return { kind: "fail", reason: "no-key", detail: "" };
          return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
        },
      },
    });
  }

  const files = (): readonly string[] => readdirSync(spoolFolder);
  return {
    folder,
    clock,
    keyring,
    setUp,
    letter,
    expand,
    judged,
    verdict,
    files,
    problems,
  };
}

export const PASS = "vsmtp=pass header.i=anna@far.test policy.align=from policy.rcpt=match";
export const RECEIVED = "Received: from mx.far.test by mx.here.test; Thu, 26 Nov 2026 04:00:00 +0000\r\n";

export function recordedField(results: string): string {
  return `Authentication-Results: mx.here.test;\r\n ${results}\r\n`;
}

export function words({ result, reason, identity, rcpt, forwarder }: Verdict): string {
  return [reason ?? result, identity, rcpt, ...(forwarder === null ? [] : [`by ${forwarder}`])].join(" ");
}

export async function octetsOf({ prefix, content }: NewMessage): Promise<Buffer> {
  const pieces: Uint8Array[] = [prefix, content.inline];
  if (content.file) for await (const piece of content.file.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.address;
}

function hostedDomain({ forwards = {}, lists = {} }: SiteOptions): HostedDomain {
  const usual: MailingList = {
    members: { kind: "listed", addresses: ["anna@far.test", "dora@end.test"] },
    posts: "members",
    from: "auto",
    subjectPrefix: null,
    owner: null,
  };
  return {
    name: "here.test",
    target: { kind: "maildir", mailboxes: { listed: new Map(), root: null, catchAll: null } },
    forwards: new Map(Object.entries(forwards)),
    lists: new Map(Object.entries(lists).map(([name, list]) => [name, { ...usual, ...list }])),
    policy: { stage: null, actions: {}, senders: [] },
  };
}

const LEASED: LeasedMessage = {
  id: "M1",
  destination: "here.test",
  sender: AUTHOR,
  recipients: [],
  body: "7bit",
  smtputf8: false,
  requireTls: false,
  envelopeId: null,
  returned: null,
  account: null,
  kids: [],
  suspicious: false,
  size: 1,
  enqueuedAt: 0,
  expiresAt: 1e15,
  warned: false,
  purpose: "attempt",
  destinationFailure: null,
  destinationFailures: 0,
  lease: 1,
  attempts: 0,
};
