// The receiving side of SMTP on sockets, with input in any portions, and a handler that answers at once, later, or not
// well. Input that keeps the rules is compared with a model, reply for reply; of what is hostile nothing may come but
// replies and good messages.
import assert from "node:assert/strict";
import { connect } from "node:net";
import {
  type Awaitable,
  type DataSink,
  type Envelope,
  type Reply,
  reply,
  SmtpServer,
} from "../../src/smtp/index.ts";
import { SCRIPT_OCTETS, SCRIPT_RECIPIENTS, SmtpScript } from "../support/smtp-script.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

export const target: FuzzTarget = {
  measure: "commands",
  few: 1500,
  run: (random) => (random.oneIn(2) ? tryGood(random) : tryHostile(random)),
  close: async () => (await started)?.server.close(0),
};

/** Looks like commands and ends of messages; what is read of it as a command shows, for nobody else says `evil`. */
const TRAPS = [
  "MAIL FROM:<evil@a.test>\r\n",
  "RCPT TO:<evil@a.test>\r\n",
  "BDAT 9 LAST\r\n",
  "QUIT\r\n",
  ".\r\n",
  "..\r\n",
  "\r\n",
  "text\r\n",
  "no end",
  "\x80\xff\r\n",
  `${"x".repeat(998)}\r\n`,
];
const FAULTS = ["\n", "\r", "\n.\n", "\r.\r", "\n.\r\n", "\0", `${"y".repeat(999)}\r\n`];

let started: Promise<{ readonly server: SmtpServer; readonly port: number }> | null = null;
/** Whose messages the server gets now. */
let receiver: Receiver;

async function start(): Promise<{ server: SmtpServer; port: number }> {
  const server = new SmtpServer({
    hostname: "mx.test",
    tlsMode: "plain",
    // Hosts that say whose mail they bring are no better at SMTP than others.
    trusted: { xclient: () => true, xforward: () => true, mailAuth: () => true },
    handler: {
      assert: (_session, login) =>
        login.startsWith("a") ? { kind: "accepted", user: login } : { kind: "refused" },
      mail: (_session, envelope) => receiver.mail(envelope),
      rcpt: () => receiver.rcpt(),
      data: () => receiver.data(),
    },
    onEvent: (event) => {
      if (event.kind === "handler-failed") receiver.failures.push(event.cause);
    },
    limits: { errors: 1e9, idleCommands: 1e9, messageOctets: SCRIPT_OCTETS, recipients: SCRIPT_RECIPIENTS },
  });
  return { server, port: (await server.listen({ host: "127.0.0.1", port: 0 })).port };
}

/** What the host of one session does; a moody one refuses and fails now and then. */
class Receiver {
  /** Contents that were accepted. */
  readonly kept: string[] = [];
  /** What it threw. */
  readonly failures: unknown[] = [];
  readonly #random: Random;
  readonly #moody: boolean;

  constructor(random: Random, moody: boolean) {
    this.#random = random;
    this.#moody = moody;
  }

  mail({ reversePath }: Envelope): Awaitable<Reply | null> {
    if (!this.#moody) assert.notEqual(reversePath?.localPart, "evil", "content became a command");
    return this.#say(this.#objects(10) ? reply(450, "4.7.1", "Later") : null);
  }

  rcpt(): Awaitable<Reply | null> {
    return this.#say(this.#objects(10) ? reply(550, "5.1.1", "No") : null);
  }

  data(): Awaitable<DataSink | Reply> {
    if (this.#objects(20)) throw new Error("moody");
    if (this.#objects(10)) return this.#say(reply(452, "4.3.1", "Full"));
    let content = "";
    let over = false;
    const end = (): void => {
      assert.ok(!over, "one end, once");
      over = true;
    };
    return this.#say({
      write: (chunk: Uint8Array) => {
        assert.ok(!over);
        content += Buffer.from(chunk).toString("latin1");
        return this.#objects(20) ? Promise.reject(new Error("moody")) : this.#say(undefined);
      },
      finish: () => {
        end();
        if (this.#objects(20)) throw new Error("moody");
        this.kept.push(content);
        return this.#say(reply(250, "2.0.0", "Ok"));
      },
      abort: end,
    });
  }

  #objects(oneIn: number): boolean {
    return this.#moody && this.#random.oneIn(oneIn);
  }

  /** Now or later. */
  #say<T>(value: T): T | Promise<T> {
    if (this.#random.oneIn(2)) return value;
    return this.#random.oneIn(2)
      ? Promise.resolve(value)
      : new Promise((resolve) => setImmediate(resolve, value));
  }
}

/** All that the server says to these octets, until it closes. */
async function talk(pieces: readonly Buffer[]): Promise<string> {
  started ??= start();
  const socket = connect({ port: (await started).port, host: "127.0.0.1", noDelay: true });
  const timer = setTimeout(() => socket.destroy(new Error("the session hangs")), 20_000);
  let said = "";
  const greeted = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket
    .on("data", (octets) => {
      said += octets.toString("latin1");
      greeted.resolve();
    })
    .on("error", (cause: NodeJS.ErrnoException) => {
      // The server has closed before it had all.
      if (cause.code === "EPIPE" || cause.code === "ECONNRESET") closed.resolve();
      else closed.reject(cause);
    })
    .on("close", () => closed.resolve());
  try {
    await Promise.race([greeted.promise, closed.promise]);
    for (const piece of pieces) {
      socket.write(piece);
      if (pieces.length > 1) await new Promise(setImmediate);
    }
    socket.end();
    await closed.promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  return said;
}

function content(random: Random, faulty: boolean): string {
  let text = "";
  for (let parts = random.below(8); parts > 0; parts--) text += random.pick(TRAPS);
  if (faulty) text += random.pick(FAULTS) + random.pick(TRAPS);
  return text;
}

async function tryGood(random: Random): Promise<number> {
  const script = new SmtpScript();
  const most = random.oneIn(20) ? 200 : 25;
  let commands = 0;
  for (let left = 1 + random.below(most); left > 0 && !script.over; left--) {
    commands++;
    const step = random.pick(STEPS);
    step(script, random);
  }
  receiver = new Receiver(random, false);
  const said = await talk(random.pieces(Buffer.from(script.wire, "latin1")));
  assert.deepEqual(codesOf(said), script.codes);
  assert.deepEqual(receiver.kept, script.kept);
  assert.deepEqual(receiver.failures, []);
  return commands;
}

const STEPS: readonly ((script: SmtpScript, random: Random) => void)[] = [
  (script) => script.hello("EHLO"),
  (script, random) => script.hello(random.oneIn(5) ? "HELO" : "EHLO"),
  (script) => script.mail(),
  (script) => script.mail(),
  (script) => script.rcpt(),
  (script) => script.rcpt(),
  (script, random) => script.data(content(random, random.oneIn(4))),
  (script, random) => script.bdat(content(random, random.oneIn(6)), random.oneIn(2)),
  (script, random) => script.bdat(content(random, false), random.oneIn(2)),
  (script) => script.rset(),
  (script) => script.say("NOOP\r\n", "250"),
  (script) => script.say("VRFY a\r\n", "252"),
  (script) => script.say("XYZ\r\n", "500"),
];

async function tryHostile(random: Random): Promise<number> {
  const parts: Buffer[] = [];
  const commands = [
    ...["EHLO a.test\r\n", "MAIL FROM:<a@b.test>\r\n", "RCPT TO:<b@mx.test>\r\n", "DATA\r\n", "BDAT 20\r\n"],
    ...[
      "BDAT 7 LAST\r\n",
      "BDAT 0 LAST\r\n",
      "RSET\r\n",
      "AUTH PLAIN AGEAYg==\r\n",
      "STARTTLS\r\n",
      "HELP\r\n",
    ],
    ...["MAIL FROM:<ä@b.test> SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n", "RCPT TO:<c@d.test> NOTIFY=NEVER\r\n"],
    ...["XCLIENT ADDR=192.0.2.1 LOGIN=a HELO=x\r\n", "XCLIENT LOGIN=b\r\n", "XCLIENT ADDR=[UNAVAILABLE]\r\n"],
    ...["XFORWARD ADDR=IPV6:2001:db8::1 IDENT=4+2B\r\n", "XFORWARD SOURCE=LOCAL NAME=+20\r\n"],
    ...["x\r\n.\r\n", "\r\n.\n", "GET / HTTP/1.1\r\n"],
    "EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@c.test>\r\nDATA\r\nhi\r\n.\r\n",
    "EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@c.test>\r\nBDAT 4\r\nhi\r\nBDAT 4 LAST\r\nho\r\n",
  ];
  for (let left = 1 + random.below(15); left > 0; left--) {
    const part = random.oneIn(5) ? content(random, true) : random.pick(commands);
    const octets = Buffer.from(part, "utf8");
    parts.push(random.oneIn(3) ? random.mutate(octets) : octets);
  }
  if (random.oneIn(30)) parts.push(random.octets(random.below(3000)));
  if (random.oneIn(200)) parts.push(Buffer.alloc(100_000, random.pick(["x", "\r", "\n", " ", "9"])));
  receiver = new Receiver(random, true);
  codesOf(await talk(random.pieces(Buffer.concat(parts))));
  for (const cause of receiver.failures) assert.match(String(cause), /moody/);
  for (const text of receiver.kept) {
    assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0|[^\r\n]{999}/);
    assert.ok(text === "" || text.endsWith("\r\n"));
    assert.ok(text.length <= SCRIPT_OCTETS + 2);
  }
  return parts.length;
}

/** The codes of replies, each of which has to be well-formed. */
function codesOf(said: string): string[] {
  const codes: string[] = [];
  let begun: string | null = null;
  assert.ok(said.endsWith("\r\n"));
  for (const line of said.slice(0, -2).split("\r\n")) {
    assert.match(line, /^[2-5]\d\d[ -][ -~]{0,508}$/);
    assert.ok(begun === null || line.startsWith(begun), "the lines of a reply have one code");
    begun = line[3] === "-" ? line.slice(0, 3) : null;
    if (begun === null) codes.push(line.slice(0, 3));
  }
  assert.equal(begun, null, "the last reply is whole");
  return codes;
}
