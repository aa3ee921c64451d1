import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  DeliveredEntry,
  LoggedMessage,
  LoggedReceived,
  MailLogFilter,
  MailLogStore,
} from "../src/mail-log/index.ts";
import { openMailLogStore } from "../src/store/index.ts";
import { ProviderNetwork } from "./support/provider-network.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// The mail log of a running server: what it writes of mail that comes in, read beside it.

let site: ReceivingSite;
let store: MailLogStore;
before(async () => {
  site = await ReceivingSite.start();
  store = await openMailLogStore(join(site.provider.folder, "data", "mail-log.sqlite"));
});
after(async () => {
  await store.close();
  await site.stop();
});

/** What is written of a message, once its recipients' ends are too. */
async function storyOf(
  id: string | undefined,
  deliveries: number,
): Promise<{ readonly message: LoggedReceived; readonly deliveries: readonly DeliveredEntry[] }> {
  return within(async () => {
    const { message = null, deliveries: ends = [] } = (await store.story(id ?? "")) ?? {};
    const isThere = message?.direction === "in" && ends.length >= deliveries;
    return isThere ? { message, deliveries: ends } : null;
  });
}

test("a message that passes is written down from its coming to its mailbox", async () => {
  const author = site.author("allice@someisp.test");
  const { event, reply } = await site.send(
    author.sign(author.write({ "Message-ID": "<Noon@someisp.test>" })),
  );
  const { message, deliveries } = await storyOf(event?.id, 1);
  assert.ok(reply.includes(`queued as ${message.id}`));
  const { at, session, took, octets, ...rest } = message;
  assert.deepEqual(rest, {
    direction: "in",
    id: event?.id,
    client: "127.0.0.1",
    helo: rest.helo,
    reversePath: "allice@someisp.test",
    recipients: ["bob@dest.test"],
    recipientCount: 1,
    from: ["allice@someisp.test"],
    messageId: "<Noon@someisp.test>",
    result: "pass",
    reason: null,
    identity: "allice@someisp.test",
    kid: author.key.kid,
    align: "from",
    rcpt: "match",
    trust: rest.trust,
    forwarder: null,
    stapled: false,
    detail: rest.detail,
    spf: rest.spf,
    dkim: rest.dkim,
    dmarc: rest.dmarc,
    arc: rest.arc,
    policy: "none",
    policyDomain: null,
    stage: "enforce",
    action: "deliver",
    decidedBy: "stage",
    because: null,
    repeated: false,
    code: 250,
    enhanced: "2.0.0",
  });
  assert.ok(octets > 500 && Math.abs(at - Date.now()) < 60_000);
  for (const ms of [took.receiving, took.verifying, took.queueing])
    assert.ok(ms !== null && ms >= 0 && ms < 20_000);
  assert.deepEqual(
    deliveries.map(({ recipient, outcome }) => [recipient, outcome]),
    [["bob@dest.test", "delivered"]],
  );
});

test("mail that is refused is written down too, and found by what its sender can tell", async () => {
  const author = site.author("eve@someisp.test");
  const altered = author.sign().toString("latin1").replace("Noon?", "Moon!");
  const { event } = await site.send(altered, { from: "eve@someisp.test", to: ["Carol@dest.test"] });
  const { message } = await storyOf(event?.id, 0);
  assert.deepEqual(
    [message.result, message.reason, message.action, message.decidedBy, message.code, message.took.queueing],
    ["fail", "body", "reject", "policy", 550, null],
  );
  assert.equal(message.policyDomain, "someisp.test");
  for (const filter of [
    { from: "eve@someisp.test" },
    { to: "carol@dest.test" },
    { kid: author.key.kid },
    { reason: "body" },
    { identity: "eve@someisp.test", action: "reject" },
    { messageId: event?.message.messageId ?? "" },
  ]) {
    const found = await store.search(filter, 10);
    assert.deepEqual(
      found.map(({ id }) => id),
      [event?.id],
      JSON.stringify(filter),
    );
  }
});

test("without its log's database mail flows as ever, and what waited is written when it is back", async () => {
  const path = join(site.provider.folder, "data", "mail-log.sqlite");
  const author = site.author("walter@someisp.test");
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const sent = [];
  for (let n = 0; n < 3; n++) sent.push(await site.send(author.sign(), { from: "walter@someisp.test" }));
  assert.deepEqual(
    sent.map(({ summary }) => summary),
    ["250 pass", "250 pass", "250 pass"],
  );
  const warned = () => site.provider.log.filter(({ msg }) => /mail log cannot be written/.test(String(msg)));
  for (let tries = 0; warned().length === 0; tries++) {
    assert.ok(tries < 250);
    await sleep(20);
  }
  other.exec("ROLLBACK");
  other.close();
  for (const { event } of sent) await storyOf(event?.id, 1);
  assert.equal(warned().length, 1);
});

test("what a user hands in is followed through the forward of another provider, from log to log", async (t) => {
  const network = await ProviderNetwork.start([
    { name: "author.test" },
    { name: "middle.test", settings: '[domains.forwards]\nbob = ["bob@end.test", "anna@author.test"]\n' },
    { name: "end.test" },
  ]);
  t.after(() => network.stop());
  const anna = await network.addUser("anna@author.test");
  await network.addUser("bob@middle.test");
  await network.addUser("bob@end.test");
  await network.addUser("carol@end.test");
  const messageId = await network.send({ from: anna, to: ["bob@middle.test", "carol@end.test"] });
  await network.inMailbox("bob@end.test", messageId);
  const logOf = async (name: string): Promise<MailLogStore> => {
    const opened = await openMailLogStore(join(network.at(name).folder, "mail-log.sqlite"));
    t.after(() => opened.close());
    return opened;
  };
  const author = await logOf("author.test");
  const [submission] = await found(author, {
    direction: "out",
    from: "anna@author.test",
    to: "@middle.test",
  });
  assert.deepEqual(
    [
      submission?.identity,
      submission?.recipientCount,
      submission?.direction === "out" && submission.kids.length,
    ],
    ["anna@author.test", 2, 1],
  );
  const sent = await within(async () => {
    const { deliveries = [] } = (await author.story(submission?.id ?? "")) ?? {};
    return deliveries.length === 2 ? deliveries : null;
  });
  assert.deepEqual(sent.map(({ recipient, outcome }) => `${recipient} ${outcome}`).sort(), [
    "bob@middle.test delivered",
    "carol@end.test delivered",
  ]);
  const middle = await logOf("middle.test");
  const [came] = await found(middle, { direction: "in", messageId });
  const [forwarded] = await ends(middle, came?.id);
  assert.equal(forwarded?.outcome, "forwarded");
  const ids = [...(forwarded?.detail.split("all of them: ")[1] ?? "").matchAll(/[0-9A-Z]{16}/g)].flat();
  const outcomes = await Promise.all(ids.map(async (id) => (await ends(middle, id))[0]?.recipient));
  assert.deepEqual(outcomes.sort(), ["anna@author.test", "bob@end.test"]);
  const [, next] = /passed on as ([0-9A-Z]{16})/.exec(forwarded?.detail ?? "") ?? [];
  const [delivery] = await ends(middle, next);
  assert.deepEqual([delivery?.recipient, delivery?.outcome], ["bob@end.test", "delivered"]);
  const [there] = await found(await logOf("end.test"), { to: "bob@end.test" });
  assert.deepEqual(there?.direction === "in" && [there.result, there.rcpt, there.forwarder], [
    "pass",
    "forwarded",
    "bob@middle.test",
  ]);
});

async function found(log: MailLogStore, filter: MailLogFilter): Promise<readonly LoggedMessage[]> {
  return within(async () => {
    const messages = await log.search(filter, 10);
    return messages.length > 0 ? messages : null;
  });
}

async function ends(log: MailLogStore, id: string | undefined): Promise<readonly DeliveredEntry[]> {
  return within(async () => {
    const { deliveries = [] } = (await log.story(id ?? "")) ?? {};
    return deliveries.length > 0 ? deliveries : null;
  });
}

async function within<T>(look: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < 500; tries++) {
    const seen = await look();
    if (seen !== null) return seen;
    await sleep(20);
  }
  return assert.fail("it is not written");
}
