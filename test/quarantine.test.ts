import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openMailLogStore } from "../src/store/index.ts";
import { vsmtp } from "./support/program.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// A running server keeps mail from its recipients; an operator's commands beside it let it go. And what comes again.

let site: ReceivingSite;
before(async () => {
  site = await ReceivingSite.start();
  site.publish("careful.test", "mx.careful.test", "p=quarantine");
});
after(() => site.stop());

async function command(...words: readonly string[]): Promise<string> {
  const settings = join(site.provider.folder, "vsmtp.toml");
  const { status, stdout, stderr } = await vsmtp([...words, "--config", settings], "");
  assert.deepEqual([status, stderr], [0, ""], words.join(" "));
  return stdout;
}

test("what its From domain wants quarantined is kept, and delivered within seconds once it is released", async () => {
  const message = "From: a@careful.test\r\nTo: bob@dest.test\r\nSubject: mark-1\r\n\r\nhello\r\n";
  const { reply, event } = await site.send(message, { from: "a@careful.test" });
  const id = event?.queuedAs ?? assert.fail();
  assert.match(reply, /^250 2\.0\.0 Ok: queued as /, "nobody is told");
  const [object = ""] = (await command("quarantine", "list", "--from", "@careful.test", "--json")).split(
    "\n",
  );
  const { decided_by: by, because, reason, recipients } = JSON.parse(object);
  assert.deepEqual(
    [by, because, reason, recipients],
    ["policy", "careful.test", "unsigned", ["bob@dest.test"]],
  );
  assert.match(await command("queue", "list"), /^the queue is empty\n$/);
  assert.equal(await command("quarantine", "release", id), "1 message is released.\n");
  const stored = await site.stored("mark-1");
  assert.match(
    stored,
    /^Return-Path: <a@careful\.test>\r\nDelivered-To: [^\n]*\nX-VSMTP-Quarantine: released /,
  );
  assert.match(stored, / VSMTP\/unsigned;\r\n by policy\r\nAuthentication-Results: mx\.dest\.test;/);
  const log = await openMailLogStore(join(site.provider.folder, "data", "mail-log.sqlite"));
  const outcomes = async () => (await log.story(id))?.deliveries.map(({ outcome }) => outcome) ?? [];
  while ((await outcomes()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(await outcomes(), ["released", "delivered"]);
  await log.close();
});

test("a repeat by another connection is answered like the first, and not delivered again (RPL-2)", async () => {
  const author = site.author("allice@someisp.test");
  const message = author.sign(author.write({ Subject: "mark-2" }));
  const first = await site.send(message);
  await site.stored("mark-2");
  const again = await site.send(Buffer.concat([Buffer.from("X-Way: another\r\n"), message]), {
    from: "thief@evil.test",
  });
  assert.deepEqual([first.summary, again.summary], ["250 pass", "250 pass"]);
  assert.deepEqual(
    [again.event?.decision.action, again.event?.decision.decidedBy, again.event?.repeated],
    ["discard", "replay", true],
  );
  const others = await site.send(message, { to: ["bob@dest.test", "carol@dest.test"] });
  assert.deepEqual([others.event?.decision.action, others.event?.repeated], ["deliver", true]);
});
