import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { PolicySettings } from "../config/index.ts";
import { Talker } from "../smtp/test-peers.ts";
import { answers, scripted } from "../smtp/test-scripts.ts";
import { LETTER, openVerifying, transact } from "./test-proxy.ts";

// A next hop that hangs, dies or lies at each step: the client hears what it can act upon, nothing is taken that the next hop
// did not take, and the next client is served as soon as the next hop is well.

const SHORT = { greetingMs: 300, ehloMs: 300, mailMs: 300, rcptMs: 300, dataMs: 300, dataEndMs: 300 };
const EHLO = "250-x\r\n250-8BITMIME\r\n250 SIZE 0\r\n";

interface Fault {
  readonly what: string;
  readonly greeting?: string;
  readonly changed?: Record<string, string | null>;
  /** At this command the connection is cut. */
  readonly cutAt?: string;
  /** The replies to MAIL, RCPT, DATA, and the end, as far as they come. */
  readonly replies: readonly RegExp[];
}

const ok = /^250/;
const go = /^354/;
const away = /^451 4\.\d\.\d The next hop cannot take it now: /;

const faults: readonly Fault[] = [
  {
    what: "refuses everybody",
    greeting: "554 5.7.1 not you\r\n",
    replies: [/^451 4\.7\.1 The next hop cannot take it now: 554 not you/],
  },
  { what: "says nothing", greeting: "", replies: [/^451 4\.4\.2 .* did not answer in time/] },
  { what: "speaks no SMTP", greeting: "HTTP/1.1 400 Bad Request\r\n", replies: [away] },
  { what: "hangs at EHLO", changed: { EHLO: null }, replies: [away] },
  { what: "dies at EHLO", cutAt: "EHLO", replies: [away] },
  { what: "hangs at MAIL", changed: { MAIL: null }, replies: [away] },
  { what: "dies at MAIL", cutAt: "MAIL", replies: [away] },
  {
    what: "shuts down at MAIL",
    changed: { MAIL: "421 4.3.2 going down\r\n" },
    replies: [/^451 4\.3\.2 .*421 going down/],
  },
  { what: "refuses MAIL", changed: { MAIL: "550 5.1.8 unknown\r\n" }, replies: [/^550 5\.1\.8 unknown$/] },
  { what: "puts MAIL off", changed: { MAIL: "450 4.7.1 later\r\n" }, replies: [/^450 4\.7\.1 later$/] },
  { what: "answers MAIL as if it were DATA", changed: { MAIL: "354 go\r\n" }, replies: [away] },
  { what: "hangs at RCPT", changed: { RCPT: null }, replies: [ok, away] },
  { what: "dies at RCPT", cutAt: "RCPT", replies: [ok, away] },
  {
    what: "refuses RCPT",
    changed: { RCPT: "550 5.1.1 nobody\r\n" },
    replies: [ok, /^550 5\.1\.1 nobody$/, /^554 5\.5\.1/],
  },
  { what: "puts RCPT off", changed: { RCPT: "452 4.2.2 full\r\n" }, replies: [ok, /^452 4\.2\.2 full$/] },
  {
    what: "takes RCPT as forwarded",
    changed: { RCPT: "251 2.1.5 goes on\r\n" },
    replies: [ok, /^251 2\.1\.5/, go, ok],
  },
  { what: "cannot verify RCPT", changed: { RCPT: "252 2.1.5 perhaps\r\n" }, replies: [ok, away] },
  { what: "refuses DATA", changed: { DATA: "554 5.7.0 no\r\n" }, replies: [ok, ok, go, /^554 5\.7\.0 no$/] },
  { what: "hangs at DATA", changed: { DATA: null }, replies: [ok, ok, go, away] },
  { what: "dies at DATA", cutAt: "DATA", replies: [ok, ok, go, away] },
  { what: "takes DATA for done", changed: { DATA: "250 2.0.0 taken\r\n" }, replies: [ok, ok, go, away] },
  {
    what: "refuses the content",
    changed: { ".": "550 5.7.1 spam\r\n" },
    replies: [ok, ok, go, /^550 5\.7\.1 spam$/],
  },
  {
    what: "puts the content off",
    changed: { ".": "452 4.3.1 full\r\n" },
    replies: [ok, ok, go, /^452 4\.3\.1 full$/],
  },
  { what: "refuses without saying why", changed: { ".": "554 \r\n" }, replies: [ok, ok, go, /^554 5\.0\.0/] },
  { what: "hangs at the end", changed: { ".": null }, replies: [ok, ok, go, away] },
  { what: "dies at the end", cutAt: ".", replies: [ok, ok, go, away] },
  { what: "shuts down at the end", changed: { ".": "421 4.3.2 bye\r\n" }, replies: [ok, ok, go, away] },
  { what: "goes on asking at the end", changed: { ".": "354 more\r\n" }, replies: [ok, ok, go, away] },
  {
    what: "answers in words of its own",
    changed: { ".": "550 5.7.1 a\x07b\u00e9\r\n" },
    replies: [ok, ok, go, /^550 5\.7\.1 a\?b\?+$/],
  },
  {
    what: "says too much at the end",
    changed: { ".": `550-${"x".repeat(3000)}\r\n` },
    replies: [ok, ok, go, away],
  },
];

for (const { what, greeting = "220 hop\r\n", changed = {}, cutAt, replies } of faults) {
  test(`the next hop ${what}`, async (t) => {
    const faulty = { ...changed };
    let well = false;
    const conversations = new Map<Socket, (line: string) => string | null>();
    const port = await scripted(t, greeting, (line, socket) => {
      const script = conversations.get(socket) ?? answers(faulty, EHLO);
      conversations.set(socket, script);
      const verb = line === "." ? "." : line.split(/[ :]/)[0];
      if (!well && verb === cutAt) {
        socket.destroy();
        return null;
      }
      return script(line);
    });
    const proxy = await openVerifying(t, { hop: port, connections: { deadlines: SHORT } });
    const talker = await proxy.hello();
    const got = await transact(talker, LETTER);
    for (const [index, expected] of replies.entries())
      assert.match(got[index] ?? "", expected, `${what}: ${got}`);
    if (greeting !== "220 hop\r\n") return;
    well = true;
    for (const verb of Object.keys(faulty)) delete faulty[verb];
    await talker.ask("RSET");
    assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^250/, "and is well again");
  });
}

test("there is nobody: 451 at MAIL, one line in the log, and all is well when there is", async (t) => {
  const proxy = await openVerifying(t, { hop: 1 });
  const talker = await proxy.hello();
  assert.match(
    await talker.ask("MAIL FROM:<a@b.test>"),
    /^451 4\.4\.1 The next hop cannot take it now: cannot connect/,
  );
  assert.deepEqual(
    proxy.events.map((event) => event.kind === "refused" && event.nextHopAway),
    [true],
  );
});

test("a kept connection that has died is found out before anybody hears of it", async (t) => {
  const sockets: Socket[] = [];
  const conversations = new Map<Socket, (line: string) => string | null>();
  const port = await scripted(t, "220 hop\r\n", (line, socket) => {
    if (!conversations.has(socket)) sockets.push(socket);
    const script = conversations.get(socket) ?? answers({}, EHLO);
    conversations.set(socket, script);
    return script(line);
  });
  const proxy = await openVerifying(t, { hop: port });
  const talker = await proxy.hello();
  assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^250/);
  // In the very moment that it is taken up again.
  sockets.at(-1)?.destroy();
  assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^250/);
  for (const socket of sockets) socket.destroy();
  assert.match(await talker.ask("MAIL FROM:<a@b.test>"), /^250/);
  assert.match(await talker.ask("RCPT TO:<b@dest.test>"), /^250/);
  sockets.at(-1)?.destroy();
  assert.match(await talker.ask("RCPT TO:<c@dest.test>"), /^250/, "begun again elsewhere");
  assert.match(await talker.ask("DATA"), /^354/);
  sockets.at(-1)?.destroy();
  talker.send(`${LETTER}.\r\n`);
  assert.match(await talker.reply(), /^250/, "and once more");
  const last = proxy.wire.slice(proxy.wire.lastIndexOf("C: MAIL FROM:<a@b.test>"));
  assert.deepEqual(
    last.filter((line) => /^C: (?:RCPT|DATA)/.test(line)),
    ["C: RCPT TO:<b@dest.test>", "C: RCPT TO:<c@dest.test>", "C: DATA"],
  );
});

test("who was taken before and is not any more has the message come again", async (t) => {
  let connections = 0;
  const conversations = new Map<Socket, (line: string) => string | null>();
  const port = await scripted(t, "220 hop\r\n", (line, socket) => {
    let script = conversations.get(socket);
    if (script === undefined) {
      const refuses = connections++ > 1;
      script = answers(refuses ? { RCPT: "550 5.1.1 gone\r\n" } : {}, EHLO);
      conversations.set(socket, script);
    }
    return script(line);
  });
  const proxy = await openVerifying(t, { hop: port });
  const talker = await proxy.hello();
  await talker.ask("MAIL FROM:<a@b.test>");
  assert.match(await talker.ask("RCPT TO:<b@dest.test>"), /^250/);
  connections = 2;
  for (const socket of conversations.keys()) socket.destroy();
  assert.match(await talker.ask("DATA"), /^354/);
  talker.send(`${LETTER}.\r\n`);
  assert.match(await talker.reply(), /^451 4\.4\.2 .*does not take a recipient any more/);
});

test("clients beyond the connections to the next hop wait, and are put off; those who go hold none", async (t) => {
  const port = await scripted(t, "220 hop\r\n", answersEach());
  const proxy = await openVerifying(t, { hop: port, connections: { connections: 2, waitMs: 100 } });
  const [first, second, third] = await Promise.all([proxy.hello(), proxy.hello(), proxy.hello()]);
  for (const talker of [first, second]) assert.match(await talker.ask("MAIL FROM:<a@b.test>"), /^250/);
  assert.match(await third.ask("MAIL FROM:<a@b.test>"), /^451 4\.4\.5 .*all 2 connections are in use/);
  first.destroy();
  await waitFor(() => proxy.connections.free === 1);
  assert.match(await third.ask("MAIL FROM:<a@b.test>"), /^250/);
  second.destroy();
  third.destroy();
  await waitFor(() => proxy.connections.free === 2);
});

test("a client that gives up in the middle of the content leaves nothing, here and there", async (t) => {
  const lines: string[] = [];
  const script = answersEach();
  const port = await scripted(t, "220 hop\r\n", (line, socket) => {
    lines.push(line);
    return script(line, socket);
  });
  const proxy = await openVerifying(t, { hop: port });
  const talker = await proxy.hello();
  for (const line of ["MAIL FROM:<a@b.test>", "RCPT TO:<b@dest.test>", "DATA"]) await talker.ask(line);
  talker.send(`${LETTER}${"x".repeat(70)}\r\n`.repeat(1000));
  await waitFor(() => proxy.files().length > 0);
  talker.destroy();
  await waitFor(() => proxy.files().length === 0 && proxy.connections.free === 20 && lines.includes("RSET"));
  assert.ok(!lines.includes("DATA"));
});

/** Who sends slowly, so that what was taken is remembered. */
async function slowly(t: TestContext, policy: Partial<PolicySettings> = {}) {
  const dots: (() => void)[] = [];
  const script = answersEach();
  const port = await scripted(t, "220 hop\r\n", (line, socket) => {
    const words = script(line, socket);
    if (line !== ".") return words;
    dots.push(() => socket.write(words ?? ""));
    return null;
  });
  const clock = { ms: Date.now(), now: () => clock.ms };
  const proxy = await openVerifying(t, {
    hop: port,
    policy: { replays: "accept", ...policy },
    proxy: { clock },
  });
  const send = async (letter: string) => {
    const replies = await transact(await proxy.hello(), letter, ["b@dest.test"], "MAIL FROM:<a@b.test>");
    return replies.at(-1) ?? "";
  };
  /** It goes on to the next hop, which takes its time. */
  const passes = async (letter: string) => {
    const before = dots.length;
    const told = send(letter);
    await waitFor(() => dots.length > before);
    clock.ms += 40_000;
    dots.at(-1)?.();
    assert.match(await told, /^250 2\.0\.0 ok/);
  };
  return { send, passes };
}

test("after a slow reply the client may have gone: it comes again, and nobody gets it twice", async (t) => {
  const { send, passes } = await slowly(t);
  await passes(LETTER);
  const again = await send(`Received: by front; again\r\n${LETTER}`);
  assert.equal(again, "250 2.0.0 Ok: the next hop has it for all recipients already");
  await passes(LETTER.replace("Hello", "Another"));
});

test("what was taken keeps nothing away that is another message, or a better copy of it", async (t) => {
  const alarm = LETTER.replace(/^Date: .*\r\nMessage-ID: .*\r\n/m, "");
  const { passes } = await slowly(t);
  await passes(alarm);
  await passes(alarm); // a device says the same twice, and means it
  // Whoever got the message himself sends it on, such that it is lost behind us, and is here first.
  await passes(`Delivered-To: b@dest.test\r\n${LETTER}`);
  await passes("Received: by x\r\n".repeat(40) + LETTER);
  await passes(LETTER);
  const marking = await slowly(t, { actions: { none: "tag" } });
  await marking.passes(LETTER);
  await marking.passes(LETTER);
});

test("hundreds of clients at a time, over few connections", async (t) => {
  const port = await scripted(t, "220 hop\r\n", answersEach());
  const proxy = await openVerifying(t, {
    hop: port,
    connections: { connections: 10, waitMs: 20_000 },
    server: { limits: { connectionsPerAddress: 1000 } },
    policy: { replays: "accept" },
  });
  const clients = Array.from({ length: 300 }, async () => {
    const talker = await Talker.hello(proxy.port);
    const replies = await transact(talker, LETTER);
    talker.destroy();
    return replies.at(-1);
  });
  const replies = await Promise.all(clients);
  assert.deepEqual([...new Set(replies)], ["250 2.0.0 ok"]);
  await waitFor(() => proxy.connections.free === 10);
});

/** An ordinary server, for each connection. */
function answersEach(): (line: string, socket: Socket) => string | null {
  const scripts = new Map<Socket, (line: string) => string | null>();
  return (line, socket) => {
    const script = scripts.get(socket) ?? answers({}, EHLO);
    scripts.set(socket, script);
    return script(line);
  };
}

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
