import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AggregateRow,
  type MailLogFilter,
  type MailLogStore,
  MailLogStoreError,
  type ReceivedEntry,
} from "../../mail-log/index.ts";
import { delivered, received, submitted } from "../../mail-log/test-entries.ts";
import { messageIdTime, newMessageId } from "../../queue/index.ts";

export const START = Date.UTC(2026, 10, 26);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A database with a mail log in it, or to be in it. */
export interface LogPlace {
  open(): Promise<MailLogStore>;
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** What a store of the mail log must do. */
export function mailLogContract(makePlace: () => Promise<LogPlace>): void {
  const add = (store: MailLogStore, ...entries: readonly ReceivedEntry[]) =>
    store.add({ received: entries, delivered: [] });

  test("mail log: the story of a message is told as it was written, a second time too", async () => {
    const store = await (await makePlace()).open();
    const full = received(START, {
      recipients: ["bob@dest.test", "Carol@dest.test"],
      from: ["alice@sender.test", "eve@other.test"],
      result: "fail",
      reason: "revoked",
      align: "agent",
      trust: "domain",
      forwarder: "list@lists.test",
      stapled: true,
      spf: "pass",
      dkim: "fail",
      dmarc: "none",
      arc: "pass",
      policy: "reject",
      policyDomain: "sender.test",
      action: "quarantine",
      decidedBy: "override",
      because: "sender.test to dest.test",
      repeated: true,
      took: { receiving: 12.4, verifying: 3.5, queueing: null },
    });
    const bare = received(START + 1, {
      reversePath: "",
      from: [],
      messageId: null,
      identity: null,
      kid: null,
      align: null,
      rcpt: null,
      trust: null,
    });
    const last = delivered(full.id, START + HOUR);
    const first = delivered(full.id, START + 5, { outcome: "deferred", detail: "451 4.3.0 later" });
    const other = delivered(full.id, START + HOUR, { recipient: "carol@dest.test" });
    const batch = { received: [full, bare], delivered: [last, first, other] };
    await store.add(batch);
    await store.add(batch);
    assert.deepEqual(await store.story(full.id), {
      message: {
        direction: "in",
        ...full,
        recipientCount: 2,
        took: { receiving: 12, verifying: 4, queueing: null },
      },
      deliveries: [first, last, other],
    });
    assert.deepEqual(await store.story(bare.id), {
      message: { direction: "in", ...bare, recipientCount: 1 },
      deliveries: [],
    });
    assert.equal(await store.story(newMessageId(START)), null);
    const unknown = newMessageId(START);
    await store.add({ received: [], delivered: [delivered(unknown, START)] });
    assert.deepEqual(await store.story(unknown), { message: null, deliveries: [delivered(unknown, START)] });
    assert.equal((await store.search({}, 10)).length, 2);
  });

  test("mail log: what strangers write is kept as far as it is text", async () => {
    const store = await (await makePlace()).open();
    const hostile = "a\0b\ud800c'; DROP TABLE log_received; --\u{1f600}";
    const kept = "a\u{fffd}b\u{fffd}c'; DROP TABLE log_received; --\u{1f600}";
    const entry = received(START, {
      helo: hostile,
      reversePath: hostile,
      recipients: [`${hostile}@dest.test`],
      from: [hostile],
      messageId: hostile,
      identity: hostile,
      kid: hostile,
      forwarder: hostile,
      detail: `${hostile}${"x".repeat(100_000)}`,
    });
    await store.add({ received: [entry], delivered: [delivered(entry.id, START, { detail: hostile })] });
    const story = await store.story(entry.id);
    const message = story?.message?.direction === "in" ? story.message : assert.fail();
    assert.equal(message.helo, kept);
    assert.deepEqual(message.recipients, [`${kept}@dest.test`]);
    assert.equal(message.messageId, kept);
    assert.equal(message.detail.length, 1500);
    assert.equal(story?.deliveries[0]?.detail, kept);
  });

  test("mail log: every filter finds what fits and nothing else, the newest first", async () => {
    const store = await (await makePlace()).open();
    const at = (hours: number): number => START + hours * HOUR;
    const entries = {
      plain: received(at(0)),
      carol: received(at(1), { recipients: ["dave@dest.test", "Carol@Dest.test"], client: "2001:db8::5" }),
      forged: received(at(30), { result: "fail", reason: "signature", action: "reject", kid: "B" }),
      agent: received(at(31), { identity: "office%2Balice@agent.test", align: "agent", messageId: "<x@y>" }),
      unsigned: received(at(32), {
        result: "none",
        reason: "unsigned",
        identity: null,
        kid: null,
        from: ["Mallory@Evil.test"],
        reversePath: "bounce@lists.test",
        recipients: ["bob@münchen.test"],
      }),
    };
    await add(store, ...Object.values(entries));
    const names = new Map(Object.entries(entries).map(([name, { id }]) => [id, name]));
    const find = async (filter: MailLogFilter): Promise<string> =>
      (await store.search(filter, 10)).map(({ id }) => names.get(id)).join(" ");
    const expected: readonly [MailLogFilter, string][] = [
      [{}, "unsigned agent forged carol plain"],
      [{ from: "ALICE@sender.test" }, "agent forged carol plain"],
      [{ from: "mallory@evil.test" }, "unsigned"],
      [{ from: "bounce@lists.test" }, "unsigned"],
      [{ from: "@Evil.test" }, "unsigned"],
      [{ from: "bob@dest.test" }, ""],
      [{ to: "carol@dest.test" }, "carol"],
      [{ to: "bob@dest.test" }, "agent forged plain"],
      [{ to: "@dest.test" }, "agent forged carol plain"],
      [{ to: "@xn--mnchen-3ya.test" }, "unsigned"],
      [{ to: "bob@MÜNCHEN.test" }, "unsigned"],
      [{ to: "alice@sender.test" }, ""],
      [{ identity: "office+alice@agent.test" }, "agent"],
      [{ identity: "@agent.test" }, "agent"],
      [{ identity: "bounce@lists.test" }, ""],
      [{ kid: "B" }, "forged"],
      [{ kid: "AAAAAAAAAAAAAAAAAAAAAA", to: "carol@dest.test" }, "carol"],
      [{ result: "pass" }, "agent carol plain"],
      [{ result: "none" }, "unsigned"],
      [{ result: "fail" }, "forged"],
      [{ reason: "signature" }, "forged"],
      [{ reason: "unsigned", action: "deliver" }, "unsigned"],
      [{ action: "reject" }, "forged"],
      [{ action: "reject", result: "pass" }, ""],
      [{ client: "2001:DB8::5" }, "carol"],
      [{ domain: "agent.test" }, "agent"],
      [{ domain: "lists.test" }, "unsigned"],
      [{ domain: "sender.test", action: "deliver" }, "agent carol plain"],
      [{ domain: "dest.test" }, ""],
      [{ messageId: "<x@y>" }, "agent"],
      [{ messageId: "<x@Y>" }, ""],
      [{ since: at(1), until: at(31) }, "forged carol"],
      [{ since: at(1), until: at(31), from: "alice@sender.test" }, "forged carol"],
      [{ since: at(31), from: "alice@sender.test" }, "agent"],
      [{ until: at(30), result: "fail" }, ""],
    ];
    for (const [filter, wanted] of expected) {
      assert.equal(await find(filter), wanted, JSON.stringify(filter));
    }
  });

  test("mail log: pages go on where the one before ended, through many times and many entries", async () => {
    const store = await (await makePlace()).open();
    assert.deepEqual(await store.search({ from: "alice@sender.test" }, 5), []);
    // Several entries of a moment, then ever longer times without any.
    const times = Array.from({ length: 1200 }, (_, n) => START + Math.floor(n / 3) ** 2 * 20_000);
    const entries = times.map((time, n) => received(time, { kid: n % 2 === 0 ? "even" : "odd" }));
    for (let n = 0; n < entries.length; n += 300) await add(store, ...entries.slice(n, n + 300));
    const newest = entries
      .map(({ id }) => id)
      .sort()
      .reverse();
    const kids = new Map(entries.map(({ id, kid }) => [id, kid]));
    for (const [filter, wanted] of [
      [{}, newest],
      [{ from: "alice@sender.test" }, newest],
      [{ kid: "odd" }, newest.filter((id) => kids.get(id) === "odd")],
      [{ kid: "even", client: "192.0.2.1" }, newest.filter((id) => kids.get(id) === "even")],
      [{ kid: "even", client: "192.0.2.9" }, []],
    ] as const) {
      for (const limit of [7, 500, 5000]) {
        const found: string[] = [];
        for (;;) {
          const page = await store.search(filter, limit, found.at(-1));
          found.push(...page.map(({ id }) => id));
          if (page.length < limit || found.length > 100) break;
        }
        const isWhole = limit === 5000;
        assert.deepEqual(found, isWhole ? wanted : wanted.slice(0, found.length), JSON.stringify(filter));
      }
    }
  });

  test("mail log: of a message to very many, each can be found", async () => {
    const store = await (await makePlace()).open();
    const recipients = Array.from({ length: 1000 }, (_, n) => `u${n}@dest.test`);
    const entry = received(START, { recipients });
    await add(store, entry);
    for (const to of ["u0@dest.test", "u999@dest.test"]) {
      const [found] = await store.search({ to }, 10);
      assert.equal(found?.recipientCount, 1000);
      assert.equal(found?.direction === "in" && found.recipients.length, 100);
    }
    assert.deepEqual(await store.search({ to: "u1000@dest.test" }, 10), []);
  });

  test("mail log: what users hand in is found by who wrote to whom, and its story is that of all its copies", async () => {
    const store = await (await makePlace()).open();
    const ids = Array.from({ length: 3 }, () => newMessageId(START + HOUR));
    const [first = "", second = "", third = ""] = ids;
    const mailing = submitted(START + HOUR, {
      id: first,
      identity: "m%C3%A9l@dest.test",
      copies: ids,
      recipients: ["alice@sender.test", "Walter@Far.test", "eve@far.test"],
    });
    const plain = submitted(START);
    const came = received(START + 2 * HOUR);
    const deliveries = [
      delivered(second, START + HOUR + 1, { recipient: "walter@far.test", outcome: "deferred" }),
      delivered(first, START + HOUR + 2, { recipient: "alice@sender.test" }),
      delivered(second, START + 2 * HOUR, { recipient: "walter@far.test" }),
    ];
    await store.add({ received: [came], submitted: [mailing, plain], delivered: deliveries });
    const { recipients: _, ...rest } = mailing;
    const message = { direction: "out", ...rest, recipientCount: 3 } as const;
    for (const id of [first, second, third]) assert.deepEqual(await store.story(id), { message, deliveries });
    const names = new Map([
      [mailing.id, "mailing"],
      [plain.id, "plain"],
      [came.id, "came"],
    ]);
    const expected: readonly [MailLogFilter, string][] = [
      [{}, "came mailing plain"],
      [{ direction: "out" }, "mailing plain"],
      [{ direction: "in" }, "came"],
      [{ from: "mél@dest.test" }, "mailing"],
      [{ from: "@dest.test" }, "mailing plain"],
      [{ to: "alice@sender.test" }, "mailing plain"],
      [{ to: "@far.test" }, "mailing"],
      [{ to: "bob@dest.test" }, "came"],
      [{ domain: "dest.test" }, "mailing plain"],
      [{ kid: "BBBBBBBBBBBBBBBBBBBBBB", to: "eve@far.test" }, "mailing"],
      [{ identity: "bob@dest.test" }, "plain"],
      [{ client: "192.0.2.77", until: START + HOUR }, "plain"],
      [{ domain: "dest.test", result: "pass" }, ""],
      [{ since: START + HOUR, from: "bob@dest.test" }, ""],
    ];
    for (const [filter, wanted] of expected) {
      const found = (await store.search(filter, 10)).map(({ id }) => names.get(id)).join(" ");
      assert.equal(found, wanted, JSON.stringify(filter));
    }
    assert.deepEqual(
      (await store.search({}, 1, came.id)).map(({ id }) => id),
      [mailing.id],
    );
  });

  test("mail log: what goes to several domains is one message, by whichever of its ids it is asked for", async () => {
    const store = await (await makePlace()).open();
    const [copy = "", other = ""] = [newMessageId(START), newMessageId(START)];
    const came = received(START, { recipients: ["bob@dest.test", "bob@other.test"] });
    const going = submitted(START, { recipients: ["a@far.test", "a@near.test"] });
    const deliveries = [
      delivered(came.id, START + 1),
      delivered(copy, START + 2, { recipient: "bob@other.test" }),
      delivered(going.id, START + 3, { recipient: "a@far.test" }),
      delivered(other, START + 4, { recipient: "a@near.test" }),
    ];
    const copied = [
      { id: came.id, copies: [copy] },
      { id: going.id, copies: [other] },
    ];
    await store.add({ received: [came], submitted: [going], copied, delivered: deliveries });
    for (const id of [came.id, copy]) {
      const story = await store.story(id);
      assert.deepEqual([story?.message?.id, story?.deliveries], [came.id, deliveries.slice(0, 2)]);
    }
    for (const id of [going.id, other]) {
      const story = await store.story(id);
      assert.deepEqual([story?.message?.id, story?.deliveries], [going.id, deliveries.slice(2)]);
    }
    while (await store.forget(START + DAY, 10));
    assert.equal(await store.story(copy), null);
  });

  test("mail log: messages of a time are counted by kind, for each domain that they name", async () => {
    const store = await (await makePlace()).open();
    const inTime = [
      received(START),
      received(START + DAY - 1),
      received(START + 5, { from: ["alice@sender.test", "x@sender.test"], identity: "o@agent.test" }),
      received(START + 6, { result: "none", reason: "unsigned", identity: null, kid: null, from: [] }),
      received(START + 7, {
        result: "fail",
        reason: "body",
        action: "reject",
        decidedBy: "policy",
        policy: "reject",
        policyDomain: "sender.test",
        from: ["a@deep.sender.test"],
        identity: null,
      }),
    ];
    await add(store, received(START - 1), received(START + DAY), ...inTime);
    const rows: AggregateRow[] = [];
    for await (const row of store.aggregate(START, START + DAY)) rows.push(row);
    const usual = {
      result: "pass",
      reason: null,
      align: "from",
      rcpt: "match",
      trust: "host",
      kid: "AAAAAAAAAAAAAAAAAAAAAA",
      client: "192.0.2.1",
      action: "deliver",
      decidedBy: "stage",
      policy: null,
    };
    const refused = {
      result: "fail",
      reason: "body",
      action: "reject",
      decidedBy: "policy",
      policy: "reject",
    };
    const byText = (one: AggregateRow, other: AggregateRow): number =>
      JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
    assert.deepEqual(
      rows.sort(byText),
      [
        { domain: "sender.test", ...usual, count: 3 },
        { domain: "agent.test", ...usual, count: 1 },
        { domain: "deep.sender.test", ...usual, ...refused, count: 1 },
      ].sort(byText),
    );
  });

  test("mail log: more messages than a page are counted, each once", async () => {
    const store = await (await makePlace()).open();
    const entries = Array.from({ length: 1100 }, (_, n) => received(START + Math.floor(n / 100)));
    for (let n = 0; n < entries.length; n += 275) await add(store, ...entries.slice(n, n + 275));
    const counts: number[] = [];
    for await (const { count } of store.aggregate(START, START + HOUR)) counts.push(count);
    assert.deepEqual(counts, [1100]);
  });

  test("mail log: mail to some addresses alone is not counted (REP-8)", async () => {
    const store = await (await makePlace()).open();
    const recipients = [
      ["reports@dest.test"],
      ["Reports@Dest.test", "more@dest.test"],
      ["reports@dest.test", "bob@dest.test"],
      Array.from({ length: 1000 }, () => "reports@dest.test"),
    ];
    await add(store, ...recipients.map((some) => received(START, { recipients: some })));
    const counts: number[] = [];
    const unreported = new Set(["reports@dest.test", "more@dest.test"]);
    for await (const { count } of store.aggregate(START, START + HOUR, unreported)) counts.push(count);
    assert.deepEqual(counts, [2], "of very many recipients not all are known");
  });

  test("mail log: a day's work is for one, whoever asks", async () => {
    const place = await makePlace();
    const [one, other] = [await place.open(), await place.open()];
    const claims = await Promise.all(
      [one, other, one, other].map((store) => store.claimDay("x", "2026-11-26")),
    );
    assert.equal(claims.filter((mine) => mine).length, 1);
    assert.equal(await other.claimDay("x", "2026-11-27"), true);
    assert.equal(await other.claimDay("y", "2026-11-26"), true);
  });

  test("mail log: it forgets from the beginning, in parts, and leaves nothing of it behind", async () => {
    const place = await makePlace();
    const store = await place.open();
    const days = Array.from({ length: 10 }, (_, day) => day);
    const entries = days.flatMap((day) =>
      Array.from({ length: 20 }, (_, n) => received(START + day * DAY + n * HOUR)),
    );
    const deliveries = entries.map(({ id, at }) => delivered(id, at + 1));
    for (let n = 0; n < entries.length; n += 50) {
      await store.add({ received: entries.slice(n, n + 50), delivered: deliveries.slice(n, n + 50) });
    }
    await store.add({ submitted: [submitted(START), submitted(START + 8 * DAY)] });
    await store.claimDay("old", "2026-01-01");
    await store.claimDay("new", "2026-11-26");
    const before = START + 7 * DAY;
    let parts = 0;
    while (await store.forget(before, 30)) parts++;
    assert.ok(parts >= 5 && parts < 50, `${parts} parts`);
    assert.equal((await store.search({ direction: "in" }, 500)).length, 60);
    assert.equal((await store.search({ from: "alice@sender.test" }, 500)).length, 60);
    assert.equal((await store.search({ direction: "out" }, 500)).length, 1);
    assert.equal(await store.story(entries[0]?.id ?? ""), null);
    const count = async (sql: string) => Number((await place.sql(`SELECT count(*) AS n FROM ${sql}`))[0]?.n);
    assert.equal(await count("log_delivered"), 60);
    assert.equal(await count("log_term"), 60 * 7 + 7);
    assert.equal(await store.claimDay("old", "2026-01-01"), true, "that long ago is forgotten");
    assert.equal(await store.claimDay("new", "2026-11-26"), false);
  });

  test("mail log: two processes write, search and forget beside each other", async () => {
    const place = await makePlace();
    const stores = [await place.open(), await place.open()];
    await Promise.all(
      stores.flatMap((store, which) =>
        Array.from({ length: 20 }, async (_, n) => {
          const entries = Array.from({ length: 10 }, () => received(START + n * HOUR, { kid: `${which}` }));
          await retried(() => add(store, ...entries));
          if (n % 5 === 0) await retried(() => store.forget(START, 10));
        }),
      ),
    );
    for (const [which, store] of stores.entries()) {
      assert.equal((await store.search({ kid: `${1 - which}` }, 500)).length, 200);
    }
    assert.ok((await stores[0]?.search({}, 1))?.every(({ id }) => messageIdTime(id) === START + 19 * HOUR));
  });
}

/** What another process has locked for the moment is there for the next attempt. */
async function retried(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof MailLogStoreError) || error.kind !== "busy") throw error;
    }
  }
}
