import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostedDomain } from "../config/index.ts";
import type { NewMessage } from "../queue/index.ts";
import { reply } from "../smtp/index.ts";
import { type AddressExpansion, type DeliveryOptions, ownResult, type Result } from "./index.ts";
import { message, nextHop, startDelivery, startServer } from "./test-network.ts";

const passed: Result = {
  kind: "delivered",
  code: null,
  enhanced: "2.1.5",
  text: "passed on",
  remote: null,
  onward: "forwarded",
};

/** `bob` is passed on to dest.test, `kept` as well and kept, `wait` cannot be now. */
const expansion: AddressExpansion = {
  find: (address) => {
    const [name = "", domain] = address.split("@");
    if (domain !== "here.test" || !["bob", "kept", "wait"].includes(name)) return null;
    const messages: NewMessage[] =
      name === "wait" ? [] : [message({ recipients: [`${name}@dest.test`], account: null })];
    const result = name === "wait" ? ownResult("4.4.3", "waits") : passed;
    return { keeps: name === "kept", expand: async () => ({ result, messages }) };
  },
};

function hosted(target: HostedDomain["target"]): readonly HostedDomain[] {
  const policy = { stage: null, actions: {}, senders: [] };
  return [{ name: "here.test", target, forwards: new Map(), lists: new Map(), policy }];
}

async function start(
  t: TestContext,
  options: Partial<DeliveryOptions> = {},
  ports: Record<string, number> = {},
) {
  const { port, taken } = await startServer(t);
  const root = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "kept"));
  const mailboxes = { listed: new Map(), root, catchAll: null };
  const started = await startDelivery(
    t,
    { "mx.dest.test": port, ...ports },
    {
      domains: hosted({ kind: "maildir", mailboxes }),
      findMaildir: (_, name) => (name === "kept" || name === "carol" ? join(root, name) : null),
      expansion,
      ...options,
    },
  );
  const stored = (name: string): number => readdirSync(join(root, name, "new")).length;
  return { ...started, taken, stored };
}

test("what comes of an address goes on; others of the same message have theirs, and each hears of himself", async (t) => {
  const { queue, attempts, taken, stored } = await start(t);
  await queue.enqueue([
    message({
      recipients: ["bob@here.test", "kept@here.test", "carol@here.test", "no@here.test", "wait@here.test"],
    }),
  ]);
  const results = await attempts(3);
  assert.deepEqual(results.slice(0, 5).toSorted(), [
    "bob@here.test delivered: 2.1.5 passed on",
    "carol@here.test delivered: 2.0.0 stored in the mailbox",
    "kept@here.test delivered: 2.0.0 stored in the mailbox; passed on",
    "no@here.test failed: 5.1.1 no@here.test is unknown here",
    "wait@here.test deferred: 4.4.3 waits",
  ]);
  while (taken.length < 2) await sleep(5);
  assert.deepEqual(taken.flatMap(({ to }) => to).toSorted(), ["bob@dest.test", "kept@dest.test"]);
  assert.deepEqual([stored("kept"), stored("carol")], [1, 1]);
});

test("what cannot be kept is not passed on either, until it can be", async (t) => {
  let full = 2;
  const rcpt = () => (full-- > 0 ? reply(452, "4.2.2", "Full") : null);
  const inner = await startServer(t, { rcpt });
  const { queue, attempts, taken } = await start(
    t,
    {
      domains: hosted({ kind: "next-hop", nextHop: nextHop("10.0.0.1") }),
    },
    { "10.0.0.1": inner.port },
  );
  await queue.enqueue([message({ recipients: ["kept@here.test"] })]);
  assert.match((await attempts(1))[0] ?? "", /kept@here\.test deferred: .*452 4\.2\.2 Full/);
  assert.equal(taken.length, 0);
  const results = await attempts(4);
  assert.equal(inner.taken.length, 1, results.join("\n"));
  while (taken.length === 0) await sleep(5);
  await sleep(50);
  assert.deepEqual([taken.length, inner.taken.length], [1, 1]);
});
