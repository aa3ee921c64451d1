// A receiver on its port 25, with its keys from a real key server: signed messages that are altered on their way, in ways that
// a signature has to survive and in all others. What passes says what its author wrote; what only travelled passes.
import assert from "node:assert/strict";
import { Talker } from "../../src/smtp/test-peers.ts";
import type { Author } from "../support/authors.ts";
import { ReceivingSite } from "../support/receiving-site.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

export const target: FuzzTarget = {
  measure: "messages",
  few: 400,
  async run(random) {
    started ??= start();
    const { site, allice } = await started;
    const original = allice.sign(letter(allice, random));
    const harmless = random.oneIn(3);
    const altered = harmless ? travel(original, random) : attack(original, random);
    site.events.length = 0;
    talker ??= await Talker.hello(site.port);
    let said = await site.sendBy(talker, altered);
    if (!/^\d/.test(said.reply)) {
      // It had heard too many errors in this session.
      talker = await Talker.hello(site.port);
      said = await site.sendBy(talker, altered);
    }
    const { reply, event } = said;
    if (random.oneIn(10) || /^4|bare|without/.test(reply)) {
      talker.destroy();
      talker = null;
    }
    const failed = site.provider.log.find(({ msg, level }) => msg === "handler-failed" || level === "error");
    assert.equal(failed, undefined, JSON.stringify(failed));
    const shown = () => `${reply}\n${altered.toString("latin1")}`;
    if (event?.verdict.result === "pass") {
      assert.equal(event.verdict.identity, allice.address, shown());
      assert.deepEqual(meaning(altered), meaning(original), shown());
    } else assert.ok(!harmless, shown());
    return 1;
  },
  async close() {
    talker?.destroy();
    await (await started)?.site.stop();
  },
};

let started: Promise<{ site: ReceivingSite; allice: Author }> | null = null;
let talker: Talker | null = null;

async function start(): Promise<{ site: ReceivingSite; allice: Author }> {
  const settings = `[policy]\nreplays = "accept"\n[neighbours]\nenabled = false\n[policy.actions]\npass = "discard"`;
  const site = await ReceivingSite.start({ settings });
  return { site, allice: site.author("allice@someisp.test") };
}

const CORE =
  "from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type content-transfer-encoding content-disposition".split(
    " ",
  );
const WORDS = ["Lunch", "at", "noon", "  ", "\t", ";", "a=b", "<x@y.test>", "(c)", '"q"', "é", ":", "."];

function letter(author: Author, random: Random): string {
  const words = (): string => Array.from({ length: random.below(6) }, () => random.pick(WORDS)).join(" ");
  const more: Record<string, string> = {};
  for (const name of ["Reply-To", "References", "X-Mailer", "Comments"])
    if (random.oneIn(3)) more[name] = words();
  const lines = Array.from({ length: random.below(8) }, words);
  const body = lines.map((line) => `${line}\r\n`).join("");
  return author.write({ Subject: `x ${words()}`, ...more }, Buffer.from(body).toString("latin1"));
}

/** What relays do: trace, folds, case, white space, empty lines at the end. */
function travel(message: Buffer, random: Random): Buffer {
  const { fields, body } = split(message);
  const travelled = fields.map((field) => {
    const colon = field.indexOf(":");
    const name = random.oneIn(4) ? field.slice(0, colon).toUpperCase() : field.slice(0, colon);
    const value = field.slice(colon);
    // White space outside of quotes means as much as a fold.
    return (
      name +
      (random.oneIn(3)
        ? value.replace(/(?<=\S) (?=\S)/g, () => random.pick([" ", "\r\n ", "\r\n\t", "  "]))
        : value)
    );
  });
  if (random.oneIn(2))
    travelled.unshift(
      random.pick(["Received: from a by b", "X-Spam: no", "List-Id: <a.test>", "Resent-From: x@y.test"]),
    );
  const lines = random.oneIn(3) && body !== "" ? body.replace(/\r\n$/, "\r\n\r\n\r\n") : body;
  return joined(travelled, lines);
}

/** What forgers do, and noise. */
function attack(message: Buffer, random: Random): Buffer {
  let { fields, body } = split(message);
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
    const at = random.below(fields.length);
    const evil = random.pick([
      "From: mallory@evil.test",
      "from : <mallory@evil.test>",
      "Subject: Invoice",
      "Sender: mallory@evil.test",
      "Reply-To: mallory@evil.test",
      'Content-Type: multipart/mixed; boundary="b"',
      "VSMTP-Signature: v=1; n=1; b=",
      "VSMTP-Signature: v=2",
      " folded",
      "no colon",
      "",
      fields[at] ?? "",
    ]);
    const change = random.pick(["insert", "insert", "remove", "swap", "field", "body", "octets"] as const);
    if (change === "insert") fields.splice(at, 0, evil);
    else if (change === "remove") fields.splice(at, 1);
    else if (change === "swap") fields = [...fields.slice(at), ...fields.slice(0, at)];
    else if (change === "field")
      fields[at] = random.mutate(Buffer.from(fields[at] ?? "", "latin1")).toString("latin1");
    else if (change === "body") body = random.mutate(Buffer.from(body, "latin1")).toString("latin1");
    else {
      const noise = split(random.mutate(joined(fields, body)));
      fields = noise.fields;
      body = noise.body;
    }
    if (fields.length === 0) fields.push("X: y");
  }
  return joined(fields, body);
}

function joined(fields: readonly string[], body: string): Buffer {
  return Buffer.from(`${fields.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

/** As simple as can be. */
function split(message: Buffer): { fields: string[]; body: string } {
  const text = message.toString("latin1");
  const end = text.startsWith("\r\n") ? -2 : text.indexOf("\r\n\r\n");
  const header = end < 0 ? (end === -2 ? "" : text.replace(/\r\n$/, "")) : text.slice(0, end);
  return {
    fields: header.split(/\r\n(?![ \t])/),
    body: end < 0 ? (end === -2 ? text.slice(2) : "") : text.slice(end + 4),
  };
}

/** What a reader sees of a message: every core field in order, and the body. */
function meaning(message: Buffer): unknown {
  const { fields, body } = split(message);
  const named = fields.map((field) => /^([^\s:]+)[ \t]*:([\s\S]*)$/.exec(field) ?? []);
  const seen = CORE.map((name) =>
    named.flatMap(([, found, value = ""]) =>
      found?.toLowerCase() === name
        ? [
            value
              .replace(/\r\n/g, "")
              .replace(/[ \t]+/g, " ")
              .trim(),
          ]
        : [],
    ),
  );
  const lines = body.split("\r\n").map((line) => line.replace(/[ \t]+/g, " ").trimEnd());
  return [seen, lines.join("\n").replace(/\n+$/, "")];
}
