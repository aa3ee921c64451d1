import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import {
  type ChangeAnswer,
  type LeasedMessage,
  type LeaseRequest,
  type ListedMessage,
  newMessageId,
  type QuarantineNote,
  type QueueFilter,
  type QueueOrder,
  type QueueStore,
  type RecipientChange,
  type Settlement,
  type StoredMessage,
} from "../../queue/index.ts";
import type { Spool, SpoolFile } from "../../spool/index.ts";
import type { SqliteOptions } from "../sqlite/sqlite-driver.ts";

/** One empty database that the queue's contract is tried on, with a spool folder; it may be opened several times. */
export interface QueuePlace {
  readonly location: string;
  readonly spoolFolder: string;
  readonly spool: Spool;
  open(sqlite?: SqliteOptions): Promise<QueueStore>;
  /** What was opened; or else it is when the tests of the file are over. */
  close(): Promise<void>;
  /** A statement past the store, as somebody with the database's password would send it. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Whether an error says that a rule of the schema was broken. */
  isRefusal(error: unknown): boolean;
}

export type MakeQueuePlace = () => Promise<QueuePlace>;

/** Unix milliseconds. */
export const START = 1_795_600_000_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

let made = 0;

/** To bob@dest.test, waiting for whoever leases it, unless told otherwise; later ones sort behind earlier ones. */
export function newMessage(rest: Partial<StoredMessage> = {}): StoredMessage {
  const enqueuedAt = rest.enqueuedAt ?? START;
  return {
    id: newMessageId(START + made++),
    sender: "allice@someisp.test",
    recipients: [newRecipient("bob@dest.test")],
    destination: "dest.test",
    prefix: Buffer.from("Received: here\r\n"),
    content: { inline: Buffer.from("Subject: x\r\n\r\nbody\r\n"), file: null },
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: "a1",
    kids: [],
    suspicious: false,
    enqueuedAt,
    expiresAt: enqueuedAt + 120 * HOUR,
    wakeAt: enqueuedAt + 4 * HOUR,
    lease: null,
    ...rest,
  };
}

export function newRecipient(
  address: string,
  rest: Partial<StoredMessage["recipients"][number]> = {},
): StoredMessage["recipients"][number] {
  return { address, notify: null, originalRecipient: null, ...rest };
}

/** For {@link StoredMessage.quarantine}. */
export function newNote(rest: Partial<QuarantineNote> = {}): QuarantineNote {
  return {
    until: START + 720 * HOUR,
    result: "fail",
    reason: "body",
    identity: "eve@evil.test",
    kid: "FIH_rUKoiX6PoyILK0Uagg",
    from: "Eve <eve@evil.test>",
    authors: ["eve@evil.test"],
    subject: "lunch",
    messageId: "<1@evil.test>",
    client: "192.0.2.1",
    decidedBy: "policy",
    because: null,
    ...rest,
  };
}

export async function insert(store: QueueStore, ...messages: readonly StoredMessage[]): Promise<void> {
  assert.deepEqual(await store.commit([{ kind: "insert", messages }]), ["done"]);
}

export function lease(
  store: QueueStore,
  rest: Partial<LeaseRequest> = {},
): Promise<readonly LeasedMessage[]> {
  const now = rest.now ?? START;
  return store.lease({
    now,
    until: now + MINUTE,
    owner: "here",
    limit: 100,
    perDestination: () => 100,
    inWork: new Map(),
    ...rest,
  });
}

export async function leaseOne(store: QueueStore, rest: Partial<LeaseRequest> = {}): Promise<LeasedMessage> {
  return only(await lease(store, rest));
}

export const gone = { kind: "gone" } as const;

export function settlement(
  { id, lease: number }: Pick<LeasedMessage, "id" | "lease">,
  rest: Partial<Settlement> = {},
): Settlement {
  return {
    id,
    lease: number,
    owner: "here",
    changes: [],
    attempted: true,
    next: gone,
    warned: false,
    wakeAt: START + 4 * HOUR,
    reports: [],
    ...rest,
  };
}

export async function settle(
  store: QueueStore,
  leased: Pick<LeasedMessage, "id" | "lease">,
  rest: Partial<Settlement> = {},
): Promise<ChangeAnswer> {
  return only(await store.commit([{ kind: "settle", settlement: settlement(leased, rest) }]));
}

export function changed(
  index: number,
  state: RecipientChange["state"],
  detail = `${state} ${index}`,
): RecipientChange {
  return { index, state, detail };
}

export async function rest(
  store: QueueStore,
  destination: string,
  restsUntil: number | null,
  failures = restsUntil === null ? 0 : 1,
): Promise<void> {
  const failure = failures === 0 ? null : "nobody answers";
  await store.commit([{ kind: "destination", change: { destination, restsUntil, failures, failure } }]);
}

/** Carries an order out to its end. @returns for how many */
export async function orderAll(
  store: QueueStore,
  filter: QueueFilter,
  order: QueueOrder,
  now = START,
  limit = 2,
): Promise<number> {
  let all = 0;
  for (;;) {
    const some = await store.order(filter, order, now, limit);
    assert.ok(some <= limit);
    if (some === 0) return all;
    all += some;
  }
}

export async function listed(store: QueueStore, id: string): Promise<ListedMessage | null> {
  const found = await store.list({ ids: [id] }, 9);
  return found.length === 0 ? null : only(found);
}

export async function contentOf(store: QueueStore, id: string): Promise<Buffer | null> {
  const content = await store.content(id);
  if (content === null) return null;
  const pieces = [...content.inline];
  let octets = 0;
  for await (const piece of content.rest()) {
    assert.ok(piece.length <= 256 << 10);
    octets += piece.length;
    pieces.push(piece);
  }
  assert.equal(octets, content.restOctets);
  return Buffer.concat(pieces);
}

/** A file of that many octets, each 16 KiB of them different. */
export async function spooled(spool: Spool, octets: number): Promise<SpoolFile> {
  const writer = spool.receive();
  for (let left = octets, n = 0; left > 0; n++) {
    const piece = Buffer.alloc(Math.min(left, 16 << 10), `${n} `);
    await writer.write(piece);
    left -= piece.length;
  }
  return (await writer.finish()).file ?? assert.fail("it is kept in memory");
}

export function ids(messages: readonly { readonly id: string }[]): string[] {
  return messages.map(({ id }) => id).sort();
}

export function only<T>(items: readonly T[]): T {
  assert.equal(items.length, 1);
  return items[0] as T;
}

/** Nothing is left in any table that belongs to no message. */
export async function assertSound(place: QueuePlace): Promise<void> {
  const orphans = {
    recipient: "SELECT message FROM recipient WHERE message NOT IN (SELECT id FROM message)",
    recipientless: "SELECT id FROM message WHERE id NOT IN (SELECT message FROM recipient)",
    content: `SELECT id FROM content WHERE id NOT IN (SELECT id FROM message)
      AND id NOT IN (SELECT shared_content FROM message WHERE shared_content IS NOT NULL)`,
    holders: `SELECT id FROM content WHERE id NOT IN (SELECT id FROM message) AND holders <>
      (SELECT count(*) FROM message WHERE shared_content = content.id)`,
    contentless: `SELECT id FROM message WHERE coalesce(shared_content, id) NOT IN (SELECT id FROM content)`,
    destination: `SELECT id FROM message WHERE state = 'queued' AND NOT EXISTS
      (SELECT 1 FROM destination WHERE name = message.destination AND destination.due_at <= message.due_at)`,
    noteless:
      "SELECT id FROM message WHERE state = 'quarantined' AND id NOT IN (SELECT message FROM quarantine)",
    note: `SELECT message FROM quarantine
      WHERE message NOT IN (SELECT id FROM message WHERE state = 'quarantined')`,
    holder:
      "SELECT id FROM message WHERE state = 'leased' AND lease_owner NOT IN (SELECT owner FROM lease_holder)",
  };
  for (const [name, query] of Object.entries(orphans)) assert.deepEqual(await place.sql(query), [], name);
}

/** Runs a module text in a process of its own, with `store` open on this place. */
export async function elsewhere(place: QueuePlace, text: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, elsewhereArguments(place, text));
  return stdout;
}

/** The same for a process that goes on until it is killed. */
export function startElsewhere(place: QueuePlace, text: string): ChildProcess {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  return spawn(process.execPath, elsewhereArguments(place, text), { stdio: [...stdio] });
}

function elsewhereArguments({ location, spoolFolder }: QueuePlace, text: string): string[] {
  const program = `
    import * as place from ${JSON.stringify(import.meta.url)};
    import { openQueueStore } from ${JSON.stringify(new URL("../index.ts", import.meta.url))};
    import { Spool } from ${JSON.stringify(new URL("../../spool/index.ts", import.meta.url))};
    const { newMessage, insert, lease, settle, changed, START, MINUTE } = place;
    const spool = await Spool.open(${JSON.stringify(spoolFolder)});
    const store = await openQueueStore(${JSON.stringify(location)}, spool);
    ${text}
    await store.close();`;
  return ["--input-type=module", "--eval", program];
}
