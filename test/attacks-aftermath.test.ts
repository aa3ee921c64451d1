import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fieldText, parseHeader, readAuthenticationResults } from "../src/message/index.ts";
import { Talker } from "../src/smtp/test-peers.ts";
import { Author, addressOf, newKey, nowSeconds } from "./support/authors.ts";
import { GullibleServer } from "./support/gullible-server.ts";
import { vsmtp } from "./support/program.ts";
import { ReceivingSite } from "./support/receiving-site.ts";
import { passSeconds } from "./support/time-shift.ts";

// Attacks on what comes behind the verdict: memories, records, quarantine, forwards, lists, and the screens of operators, at
// a real installation (docs/attacks.md).

let site: ReceivingSite;
let allice: Author;
let mallory: Author;
const inner = new GullibleServer();
const ESC = "\x1b]0;owned\x07\x1b[2J";

before(async () => {
  const port = await inner.listen();
  site = await ReceivingSite.start({
    settings: `roles = ["mx", "delivery", "submission"]
[submission]
listen = ["127.0.0.1:0"]
[policy.actions]
suspended = "quarantine"
[[policy.senders]]
domain = "mild.test"
actions = { body = "tag" }
[[domains]]
name = "list.test"
maildir_root = "mail"
[domains.lists.team]
members = ["allice@someisp.test", "bob@inner.test"]
posts = "members"
[[domains]]
name = "inner.test"
next_hop = "127.0.0.1:${port}"`,
  });
  site.places.set(`127.0.0.1:${port}`, { host: "127.0.0.1", port });
  allice = site.author("allice@someisp.test");
  for (const domain of ["evil.test", "mild.test"]) {
    site.publish(domain, "mx.someisp.test", null);
    site.keys.domains.add(domain);
  }
  mallory = site.author("mallory@evil.test");
});
after(async () => {
  await site.stop();
  inner.close();
});

const insert = (message: Buffer | string, fields: string): Buffer =>
  Buffer.from(`${fields}\r\n${Buffer.from(message).toString("latin1")}`, "latin1");

describe("replay (RPL-2)", () => {
  test("20 copies at the same time, with other fields each: one is delivered", async () => {
    const message = allice.sign(allice.write({ Subject: "Twenty" }));
    const before = site.events.length;
    await Promise.all(Array.from({ length: 20 }, (_, n) => site.send(insert(message, `X-Copy: ${n}`))));
    const events = site.events.slice(before);
    assert.equal(events.length, 20);
    assert.equal(events.filter(({ queuedAs }) => queuedAs !== null).length, 1);
    assert.ok(
      events.every(({ reply }) => reply.code === 250),
      "who replays learns nothing",
    );
  });

  test("an altered copy that comes first takes nothing from the real one", async () => {
    const ann = site.author("ann@mild.test");
    const message = ann.sign(ann.write({ Subject: "First" }));
    const altered = Buffer.from(message.toString("latin1").replace("Noon", "Nine"), "latin1");
    assert.equal((await site.send(altered)).summary, "250 body");
    const genuine = await site.send(message);
    assert.equal(genuine.summary, "250 pass");
    assert.ok(genuine.event?.queuedAs);
  });

  test("nor does one sent to others, or one that was refused", async () => {
    const message = allice.sign(allice.write({ Subject: "Others" }));
    assert.ok((await site.send(message, { to: ["carol@dest.test"] })).event?.queuedAs);
    assert.ok((await site.send(message)).event?.queuedAs);
    assert.equal((await site.send(message)).event?.queuedAs, null);
    // Another way to write the same recipient is the same.
    const again = await site.send(message, { to: ['"BOB"@DEST.test'] });
    assert.equal(again.event?.queuedAs ?? null, null);
  });
});

describe("what is recorded", () => {
  test("envelope, greeting and signatures of others write no results of their own", async () => {
    const talker = await Talker.connect(site.port);
    await talker.reply();
    await talker.ask("EHLO [IPv6:::1]");
    const forged = "vsmtp=pass header.i=ceo@dest.test";
    const sender = `"a; ${forged} (\\"b"@evil.test`;
    const dkim = `DKIM-Signature: v=1; a=rsa-sha256; d=evil.test; s="; ${forged}; x="; h=from; bh=eA==; b=eA==; i="; ${forged} ("@evil.test`;
    const arc = `ARC-Authentication-Results: i=1; mx.dest.test; ${forged}`;
    const message = insert(mallory.write({ Subject: "Injected results" }), `${dkim}\r\n${arc}`);
    const { reply } = await site.sendBy(talker, message, sender);
    talker.destroy();
    assert.match(reply, /^250 /);
    const text = await site.stored("Subject: Injected results");
    const header = parseHeader(Buffer.from(`${text.slice(0, text.indexOf("\r\n\r\n"))}\r\n`, "latin1"));
    const [ours, ...others] = header.fields.filter(({ name }) => name === "authentication-results");
    assert.ok(ours);
    assert.equal(others.length, 0);
    const read = readAuthenticationResults(fieldText(header, ours));
    const said = read?.results.filter(({ method }) => method === "vsmtp");
    assert.deepEqual(
      said?.map(({ result }) => result),
      ["none"],
    );
  });

  test("nobody writes in the name of our quarantine and our tags", async () => {
    const forged = "X-VSMTP-Quarantine: released by the operator\r\nx-vsmtp-flag : deliver";
    await site.send(insert(mallory.write({ Subject: "Released" }), forged));
    assert.doesNotMatch(await site.stored("Subject: Released"), /X-VSMTP-Quarantine|x-vsmtp-flag/i);
  });
});

describe("the screens of operators", () => {
  let evil: Author;
  before(async () => {
    evil = site.author("evil@evil.test");
    site.keys.change(evil, { state: "suspended" });
    const encoded = Buffer.from(`${ESC}\r\nBcc: all@dest.test\r\n\u202eexe.gpj`).toString("base64");
    const { event, reply } = await site.send(
      evil.sign(
        evil.write({
          From: `"${ESC}" <evil@evil.test>`,
          Subject: `=?utf-8?b?${encoded}?=`,
          "Message-ID": `<${ESC}@evil.test>`,
        }),
      ),
      { from: "evil@evil.test" },
    );
    assert.equal(event?.decision.action, "quarantine", reply);
  });

  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await vsmtp([
      ...args,
      "--config",
      join(site.provider.folder, "vsmtp.toml"),
    ]);
    assert.equal(status, 0, stderr);
    return stdout + stderr;
  };

  test("what strangers write moves no cursor, changes no title, hides no letter", async () => {
    const list = await run("quarantine", "list");
    assert.match(list, /evil@evil\.test/);
    const { kept = [] } = JSON.parse(await run("quarantine", "list", "--json"));
    const id = kept[0]?.id ?? /\b[0-9A-Z]{16}\b/.exec(list)?.[0];
    assert.ok(id, list);
    const screens = [
      list,
      await run("quarantine", "show", id),
      await run("log", "search", "--from", "evil@evil.test"),
      await run("queue", "list"),
    ];
    for (const screen of screens)
      assert.doesNotMatch(screen, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    assert.match(screens[2] ?? "", /suspended/);
  });
});

describe("lists and forwards", () => {
  const post = (message: Buffer | string, from = "allice@someisp.test") =>
    site.send(message, { from, to: ["team@list.test"] });
  const toTeam = { recipients: [addressOf("team@list.test")] };

  test("a member's name, a forged result, a copy of an old post: none of them posts", async () => {
    const forged =
      "Authentication-Results: mx.dest.test; vsmtp=pass header.i=allice@someisp.test policy.align=from";
    assert.match((await post(insert(allice.write({ Subject: "Post 1" }), forged))).reply, /^550 /);
    assert.match(
      (
        await post(
          insert(mallory.sign(mallory.write({ Subject: "Post 2" }), toTeam), forged),
          "mallory@evil.test",
        )
      ).reply,
      /^(?:250|550) /,
    );
    const byMallory = mallory.sign(
      mallory.write({ From: "allice@someisp.test", Sender: "mallory@evil.test", Subject: "Post 3" }),
      toTeam,
    );
    assert.match((await post(byMallory)).reply, /^550 /);
    const post4 = allice.sign(allice.write({ Subject: "Post 4" }), toTeam);
    const damaged = post4.toString("latin1").replace("Noon", "Nine");
    assert.match((await post(Buffer.from(damaged, "latin1"))).reply, /^550 /);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(inner.messages, []);
  });
});

describe("memories", () => {
  test("a forged epoch in the future does not silence a domain for the time it asks for (POL-9, POL-23)", async () => {
    const dave = site.author("dave@mild.test");
    site.publish("mild.test", "mx.someisp.test", `p=none; ma=31536000; ep=${nowSeconds() + 10_000_000}`);
    assert.equal((await site.send(dave.sign())).summary, "451 unavailable");
    site.publish("mild.test", "mx.someisp.test", "p=none");
    passSeconds(901);
    assert.equal((await site.send(dave.sign())).summary, "250 pass");
    site.dns.delete("_vsmtp.mild.test");
    passSeconds(901);
    assert.equal((await site.send(dave.sign())).summary, "250 pass");
  });

  test("a flood from one network uses up its own budget: unknown authors of the domain pass from another (CCH-14)", async () => {
    const { signing } = newKey("nobody");
    const talker = await Talker.hello(site.port);
    for (let n = 0; n < 100; n++) {
      const kid = `${String(n).padStart(21, "q")}A`;
      const forged = new Author(`cold${n}@someisp.test`, { ...signing, kid });
      talker.send("MAIL FROM:<x@evil.test>\r\nRCPT TO:<bob@dest.test>\r\nDATA\r\n");
      const codes = await talker.replies(3);
      if (!codes[2]?.startsWith("354")) break;
      talker.send(`${forged.sign().toString("latin1")}.\r\n`);
      await talker.reply();
    }
    talker.destroy();
    const honest = site.author("honest@someisp.test");
    const elsewhere = connect({ port: site.port, host: "127.0.0.1", localAddress: "127.0.9.1" });
    let text = "";
    elsewhere.on("data", (octets) => {
      text += octets.toString("latin1");
    });
    const said = async (count: number): Promise<void> => {
      while ((text.match(/^\d{3} .*\r\n/gm)?.length ?? 0) < count)
        await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await said(1);
    elsewhere.write("EHLO out.test\r\n");
    await said(2);
    elsewhere.write("MAIL FROM:<honest@someisp.test>\r\nRCPT TO:<bob@dest.test>\r\nDATA\r\n");
    await said(5);
    elsewhere.write(`${honest.sign().toString("latin1")}.\r\n`);
    await said(6);
    elsewhere.destroy();
    assert.match(text.trimEnd().split("\r\n").at(-1) ?? "", /^250 /);
    assert.equal(site.events.at(-1)?.verdict.result, "pass");
  });
});
