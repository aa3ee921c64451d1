import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Failure, StepOutcome } from "./index.ts";
import { answers, opened, scripted, to } from "./test-scripts.ts";

const envelope = { reversePath: "a@client.test" };

function brief(outcome: StepOutcome | Failure | null): string {
  if (outcome === null) return "sent";
  if ("ok" in outcome) {
    const { code, enhanced, lines } = outcome.ok
      ? outcome.reply
      : { ...outcome.failure, lines: [outcome.failure.text] };
    return `${code} ${enhanced} ${lines.join(" ")}`;
  }
  return `${outcome.code} ${outcome.enhanced} ${outcome.text}`;
}

test("a transaction goes command by command, its content apart from the dot, and another follows", async (t) => {
  const lines: string[] = [];
  const script = answers({
    "RCPT TO:<no@mx.test>": "550 5.1.1 nobody\r\n",
    ".": "250 2.0.0 queued as 7\r\n",
  });
  const port = await scripted(t, "220 mx.test\r\n", (line) => {
    lines.push(line);
    return script(line);
  });
  const client = await opened(port);
  for (let times = 0; times < 2; times++) {
    const transaction = client.begin(envelope);
    assert.equal(brief(await transaction.mail()), "250 2.0.0 ok");
    assert.equal(brief(await transaction.rcpt(to("b@mx.test"))), "250 2.0.0 ok");
    assert.equal(brief(await transaction.rcpt(to("no@mx.test"))), "550 5.1.1 nobody");
    assert.equal(brief(await transaction.data()), "354 null go");
    assert.equal(brief(await transaction.write(Buffer.from("Subject: x\r\n\r\n."))), "sent");
    assert.equal(brief(await transaction.end(Buffer.from("dot\r\nend"))), "250 2.0.0 queued as 7");
  }
  assert.deepEqual(lines.slice(1, 9), [
    "MAIL FROM:<a@client.test>",
    "RCPT TO:<b@mx.test>",
    "RCPT TO:<no@mx.test>",
    "DATA",
    "Subject: x",
    "",
    "..dot",
    "end",
  ]);
  await client.quit();
});

test("reset: RSET where that is enough, else the connection goes", async (t) => {
  const lines: string[] = [];
  const script = answers({});
  const port = await scripted(t, "220 mx.test\r\n", (line) => {
    lines.push(line);
    return script(line);
  });
  const client = await opened(port);
  await client.begin(envelope).reset();
  const open = client.begin(envelope);
  await open.mail();
  await open.reset();
  assert.deepEqual([client.usable, lines.slice(1)], [true, ["MAIL FROM:<a@client.test>", "RSET"]]);
  const begun = client.begin(envelope);
  await begun.mail();
  await begun.rcpt(to("b@mx.test"));
  await begun.data();
  await begun.write(Buffer.from("x\r\n"));
  await begun.reset();
  assert.equal(client.usable, false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(!lines.includes(".") && !lines.includes("QUIT"));
  assert.match(brief(await client.begin(envelope).mail()), /^null 4\.4\.2 /);
});

test("a server that goes, or answers what is no answer, fails the step", async (t) => {
  const cases: [changed: Record<string, string | null>, expected: RegExp][] = [
    [{ MAIL: "354 go on\r\n" }, /^null 4\.5\.0 the server answers mail with 354/],
    [{ MAIL: "251 elsewhere\r\n" }, /^null 4\.5\.0/],
    [{ MAIL: "421 4.3.2 bye\r\n" }, /^421 4\.3\.2 bye/],
    [{ MAIL: "nonsense\r\n" }, /^null 4\.4\.2 not a reply/],
    [{ MAIL: "250 ok\r\n250 and more\r\n" }, /^250/],
  ];
  for (const [changed, expected] of cases) {
    const client = await opened(await scripted(t, "220 mx.test\r\n", answers(changed)));
    assert.match(brief(await client.begin(envelope).mail()), expected);
    client.close();
  }
});

test("an answer before the end, and content that is malformed, close the connection", async (t) => {
  for (const [early, expected] of [
    ["250 2.0.0 thanks\r\n", /^null 4\.5\.0 the server answers 250 before the end/],
    ["552 5.3.4 enough\r\n", /^552 5\.3\.4 enough/],
  ] as const) {
    const script = answers({});
    const answered = Promise.withResolvers<void>();
    const port = await scripted(t, "220 mx.test\r\n", (line, socket) => {
      if (line !== "first") return script(line);
      socket.write(early, () => answered.resolve());
      return null;
    });
    const client = await opened(port);
    const transaction = client.begin(envelope);
    await transaction.mail();
    await transaction.rcpt(to("b@mx.test"));
    await transaction.data();
    await transaction.write(Buffer.from("first\r\n"));
    await answered.promise;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(brief(await transaction.write(Buffer.from("second\r\n"))), expected);
    assert.equal(client.usable, false);
  }
  const seen: string[] = [];
  const script = answers({});
  const closed = Promise.withResolvers<void>();
  const port = await scripted(t, "220 mx.test\r\n", (line, socket) => {
    seen.push(line);
    if (line === "DATA") void once(socket, "close").then(() => closed.resolve());
    return script(line);
  });
  const client = await opened(port);
  const transaction = client.begin(envelope);
  await transaction.mail();
  await transaction.rcpt(to("b@mx.test"));
  await transaction.data();
  await transaction.write(Buffer.from("good\r\n"));
  const smuggled = "x\n.\r\nMAIL FROM:<evil@client.test>\r\n";
  assert.match(brief(await transaction.end(Buffer.from(smuggled))), /^null 5\.6\.0/);
  await closed.promise;
  assert.ok(!seen.join("\n").includes("evil"));
});
