import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LoggedMessage, MailLogFilter, ReceivedEntry, SubmittedEntry } from "../../mail-log/index.ts";
import { received, submitted } from "../../mail-log/test-entries.ts";
import { newMessageId } from "../../queue/index.ts";
import { type LogPlace, START } from "./test-mail-log.ts";

const people = ["a@x.test", "b@x.test", "c@y.test", "A@Y.test", "d+e@sub.x.test", "ü@y.test"];
const person = fc.constantFrom(...people);
const some = fc.array(person, { minLength: 1, maxLength: 3 });
/** Several of a moment, of a part of the index, and far from each other. */
const moment = fc.integer({ min: 0, max: 40 }).map((step) => START + Math.floor(step ** 3 / 16) * 60_000);

const coming = fc.record({
  kind: fc.constant("in" as const),
  at: moment,
  from: fc.array(person, { maxLength: 2 }),
  reversePath: fc.constantFrom("", ...people),
  recipients: some,
  identity: fc.constantFrom(null, "a@x.test", "c@y.test", "%C3%BC@y.test"),
  kid: fc.constantFrom(null, "k1", "k2"),
  result: fc.constantFrom("pass", "none", "fail"),
  action: fc.constantFrom("deliver", "tag", "reject"),
  client: fc.constantFrom("192.0.2.1", "2001:db8::1"),
});
const going = fc.record({
  kind: fc.constant("out" as const),
  at: moment,
  identity: fc.constantFrom("a@x.test", "%C3%BC@y.test"),
  kids: fc.subarray(["k1", "k2"], { minLength: 1 }),
  recipients: some,
  client: fc.constantFrom("192.0.2.1", "192.0.2.9"),
});
const wanted = fc.oneof(person, fc.constantFrom("@x.test", "@Y.test", "nobody@x.test"));
const filters = fc.record(
  {
    from: wanted,
    to: wanted,
    identity: wanted,
    kid: fc.constantFrom("k1", "k2", "k3"),
    result: fc.constantFrom("pass", "none", "fail", "permerror"),
    action: fc.constantFrom("deliver", "reject"),
    client: fc.constantFrom("192.0.2.1", "2001:DB8::1"),
    domain: fc.constantFrom("x.test", "Y.test", "sub.x.test"),
    direction: fc.constantFrom("in" as const, "out" as const),
    since: moment,
    until: moment,
  },
  { requiredKeys: [] },
);

/** What is searched for is found, whatever it is, page by page: as by looking at every message. */
export function mailLogRandomContract(makePlace: () => Promise<LogPlace>, runs: number): void {
  test("mail log: a search finds what a look at every message finds", async () => {
    const content = fc.array(fc.oneof(coming, going), { maxLength: 60 });
    const searches = fc.array(fc.tuple(filters, fc.integer({ min: 1, max: 9 })), {
      minLength: 5,
      maxLength: 15,
    });
    await fc.assert(
      fc.asyncProperty(content, searches, async (messages, looks) => {
        const store = await (await makePlace()).open();
        const entries = messages.map((message) => entryOf(message));
        for (const entry of entries) {
          await store.add("reversePath" in entry ? { received: [entry] } : { submitted: [entry] });
        }
        for (const [filter, limit] of looks) {
          const expected = entries.filter((entry) => fitsModel(entry, filter)).map(({ id }) => id);
          const found: LoggedMessage[] = [];
          for (;;) {
            const page = await store.search(filter, limit, found.at(-1)?.id);
            found.push(...page);
            if (page.length < limit) break;
          }
          assert.deepEqual(
            found.map(({ id }) => id),
            expected.sort().reverse(),
            JSON.stringify(filter),
          );
        }
      }),
      { numRuns: runs },
    );
  });
}

type Made<T> = T extends fc.Arbitrary<infer Value> ? Value : never;
type Message = Made<typeof coming> | Made<typeof going>;

function entryOf({ kind, ...message }: Message): ReceivedEntry | SubmittedEntry {
  const id = newMessageId(message.at);
  if (kind === "in") return received(message.at, { ...(message as Partial<ReceivedEntry>), id });
  return submitted(message.at, { ...(message as Partial<SubmittedEntry>), id, copies: [id] });
}

/** Written anew, so that it is wrong in other ways. */
function fitsModel(entry: ReceivedEntry | SubmittedEntry, filter: MailLogFilter): boolean {
  const isIn = "reversePath" in entry;
  const identity = entry.identity === null ? [] : [decodeURIComponent(entry.identity)];
  const authors = isIn ? [...entry.from, entry.reversePath] : identity;
  const kids = isIn ? [entry.kid] : entry.kids;
  const anyIs = (addresses: readonly string[], text: string): boolean => {
    const low = text.toLowerCase();
    return addresses.some((address) =>
      low.startsWith("@") ? address.toLowerCase().endsWith(low) : address.toLowerCase() === low,
    );
  };
  const checks: { [Name in keyof MailLogFilter]-?: (value: NonNullable<MailLogFilter[Name]>) => boolean } = {
    direction: (value) => (value === "in") === isIn,
    from: (value) => anyIs(authors, value),
    to: (value) => anyIs(entry.recipients, value),
    identity: (value) => anyIs(identity, value),
    domain: (value) => anyIs([...authors, ...identity], `@${value}`),
    kid: (value) => kids.includes(value),
    client: (value) => entry.client === value.toLowerCase(),
    result: (value) => isIn && entry.result === value,
    reason: (value) => isIn && entry.reason === value,
    action: (value) => isIn && entry.action === value,
    messageId: (value) => isIn && entry.messageId === value,
    since: (value) => entry.at >= value,
    until: (value) => entry.at < value,
  };
  return Object.entries(filter).every(([name, value]) =>
    (checks[name as keyof MailLogFilter] as (value: unknown) => boolean)(value),
  );
}
