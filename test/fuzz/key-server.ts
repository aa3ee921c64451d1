// The public interface of the key server: its session with input in any portions, and now and then the whole server
// on sockets, in plain text and inside TLS. What comes back is compared with a model, octet for octet.
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { createSecureContext, connect as openTls, type SecureContext } from "node:tls";
import { ALPN, type KeyResponder, KeyServerSession, MAX_REPLY_OCTETS } from "../../src/key-protocol/index.ts";
import { KeyServer } from "../../src/key-server/index.ts";
import { createAuthority } from "../support/certificates.ts";
import {
  KeyServerModel,
  MODEL_KID,
  MODEL_NOW,
  modelKeyReply,
  modelKeys,
} from "../support/key-server-model.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

/** One input in this many goes over sockets: it takes as long as hundreds of others. */
const SOCKET_SHARE = 300;
const GREETING = "+OK VSMTP/1\r\n";

export const target: FuzzTarget = {
  measure: "requests",
  run: (random) => (random.oneIn(SOCKET_SHARE) ? tryServer(random) : trySession(random)),
  close: async () => (await started)?.server.close(0),
};

const ADDRESSES = [
  ...["allice@someisp.tld", "slow@someisp.tld", "broken@someisp.tld", "nobody@someisp.tld"],
  ...["allice@elsewhere.tld", "Allice@someisp.tld", "%61llice@someisp.tld", "%C3%A9@someisp.tld"],
  ...["b%C3%BCcher@xn--bcher-kva.tld", "a@b", "a@", "@someisp.tld", "a@[192.0.2.1]", "a b@someisp.tld"],
  ...[`${"a".repeat(64)}@someisp.tld`, `${"%20".repeat(64)}@${"d.".repeat(125)}tld`],
];
const KIDS = [
  MODEL_KID,
  "AAAAAAAAAAAAAAAAAAAAAA",
  "s2N3yWcQ0dTzS9mJb4kXHA",
  "FIH_rUKoiX6PoyILK0Uagh",
  "-",
  "",
];

/** A request of the grammar, or, where it is to be hostile, nearly. */
function request(random: Random, hostile: boolean): Buffer {
  const verb = random.pick([
    "KEY",
    "KEY",
    "KEY",
    "KEY",
    "KEY",
    "NOOP",
    "NOOP",
    "CAPA",
    "CAPA",
    "QUIT",
    "STLS",
    "GET",
  ]);
  const shown = random.oneIn(8)
    ? [...verb].map((c) => (random.oneIn(2) ? c.toLowerCase() : c)).join("")
    : verb;
  if (verb === "QUIT" && !(hostile && random.oneIn(6))) return Buffer.from("NOOP\r\n");
  let line = shown;
  if (verb === "KEY" ? !random.oneIn(30) : random.oneIn(30)) line += ` ${random.pick(ADDRESSES)}`;
  if (verb === "KEY" && !random.oneIn(4)) line += ` ${random.pick(KIDS)}`;
  // Just below, at and above the limit of 1024 octets.
  if (hostile && random.oneIn(60)) line = line.padEnd(1020 + random.below(6), random.pick(["x", " ", "\0"]));
  const end =
    hostile && random.oneIn(150) ? random.pick(["\n", "\r", "\r\r\n", "\n\r", "", "\0\r\n"]) : "\r\n";
  const octets = Buffer.from(line + end, "latin1");
  return hostile && random.oneIn(12) ? random.mutate(octets) : octets;
}

function requests(random: Random, most: number): Buffer {
  if (random.oneIn(100)) return random.octets(random.below(2000));
  if (random.oneIn(500)) return Buffer.alloc(random.below(20_000), random.pick(["x", "\r", "\n", " ", "\0"]));
  const hostile = !random.oneIn(4);
  return Buffer.concat(Array.from({ length: 1 + random.below(most) }, () => request(random, hostile)));
}

/** Answers as the model does, at once, from memory, or later. */
function responder(random: Random): KeyResponder {
  const known = new Set<string>();
  return {
    recall: (line) => (known.has(line) && random.oneIn(2) ? modelKeyReply(line) : undefined),
    answer: (_request, line) => {
      known.add(line);
      const reply = modelKeyReply(line);
      if (random.oneIn(2)) return reply;
      return random.oneIn(4)
        ? new Promise((resolve) => setImmediate(resolve, reply))
        : Promise.resolve(reply);
    },
  };
}

async function trySession(random: Random): Promise<number> {
  const limited = random.oneIn(20);
  const model = new KeyServerModel(limited);
  const options = { responder: responder(random), exposure: "open", signed: () => false } as const;
  const session = new KeyServerSession(options);
  if (!random.oneIn(5)) {
    session.secured();
    model.secured();
  }
  let said = "";
  for (const piece of random.pieces(requests(random, random.oneIn(100) ? 1100 : random.oneIn(10) ? 60 : 8))) {
    model.hear(piece.toString("latin1"));
    let octets = piece;
    let next = "again";
    while (next === "again") {
      const step = await session.receive(octets, limited);
      assert.ok(step.reply.length <= 32 * MAX_REPLY_OCTETS, "what one step says is bounded");
      said += step.reply;
      next = step.next;
      octets = Buffer.alloc(0);
    }
    assert.equal(
      next,
      { open: "read", "start-tls": "start-tls", closed: "close", abort: "abort" }[model.state],
    );
    if (next === "start-tls") {
      assert.equal(said, model.said);
      session.secured();
      model.secured();
    } else if (next !== "read") break;
  }
  // What was said in the very step that ends in an abort is not sent.
  if (model.state === "abort") assert.ok(model.said.startsWith(said));
  else assert.equal(said, model.said);
  assertWellFormed(said);
  return model.requests;
}

function assertWellFormed(said: string): void {
  assert.ok(said === "" || said.endsWith("\r\n"));
  for (const line of said.split("\r\n"))
    assert.ok(line.length + 2 <= MAX_REPLY_OCTETS && /^[ -~]*$/.test(line));
}

interface Started {
  readonly server: KeyServer;
  readonly port: number;
  readonly roots: SecureContext;
}
let started: Promise<Started> | null = null;
/** Where set, the directory is slow for everybody, and nothing it says is remembered. */
let sluggish: Random | null = null;
let changeCount = 0;

async function start(): Promise<Started> {
  const authority = await createAuthority();
  const secureContext = createSecureContext(await authority.issue(["mx1.someisp.tld"]));
  const server = new KeyServer({
    directory: {
      changeCount: () => (sluggish === null ? changeCount : ++changeCount),
      changedSince: () => null,
      domain: async (name) => (name === "someisp.tld" ? { epoch: null, statementKey: null } : null),
      keys: async (address) => {
        const keys = modelKeys(address);
        if (sluggish !== null) await wait(sluggish.below(6));
        else if (address.localPart === "slow") await wait(1);
        if (keys === "broken") throw new Error("the keys cannot be read");
        return keys;
      },
    },
    secureContext: () => secureContext,
    exposure: "open",
    limits: { costPerMinute: Number.POSITIVE_INFINITY },
    nowMs: () => MODEL_NOW * 1000,
  });
  const { port } = await server.listen(0, "127.0.0.1");
  return { server, port, roots: createSecureContext({ ca: authority.cert }) };
}

/** What a socket was told, and when it is over. */
class Ear {
  said = "";
  over = false;
  #changed = (): void => {};

  constructor(socket: Socket) {
    const note = (change: () => void) => () => {
      change();
      this.#changed();
    };
    socket.on("data", (octets: Buffer) => note(() => (this.said += octets.toString("latin1")))());
    socket
      .on("error", () => {})
      .once(
        "close",
        note(() => (this.over = true)),
      );
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.over) return;
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }
}

async function tryServer(random: Random): Promise<number> {
  started ??= start();
  const { server, port, roots } = await started;
  sluggish = random.oneIn(3) ? random : null;
  const model = new KeyServerModel();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const ear = new Ear(socket);
  const timer = setTimeout(() => socket.destroy(new Error("no end in 20 s")), 20_000);
  try {
    const plain = Buffer.concat([
      ...(random.oneIn(2) ? [requests(random, 8)] : []),
      ...(random.oneIn(10) ? [] : [Buffer.from("STLS\r\n")]),
      ...(random.oneIn(20) ? [random.octets(1 + random.below(40))] : []),
    ]);
    await ear.until(() => ear.said === GREETING);
    ear.said = "";
    model.hear(plain.toString("latin1"));
    socket.write(plain);
    if (random.oneIn(20)) socket.resetAndDestroy();
    else if (model.state !== "start-tls") await compare(socket, ear, model);
    else {
      await ear.until(() => ear.said.length >= model.said.length);
      assert.equal(ear.said, model.said);
      await insideTls(random, socket, ear, model, roots);
    }
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  if (random.oneIn(20)) await assertServes(port, roots);
  assert.ok(server.connections <= 20, "connections that ended are forgotten");
  return model.requests;
}

/** The client takes its leave: all that it was told is what the model says. */
async function compare(socket: Socket, ear: Ear, model: KeyServerModel): Promise<void> {
  if (model.state === "open") {
    const leave = "\r\nQUIT\r\n"; // behind a line that may have been begun
    model.hear(leave);
    socket.write(leave);
  }
  await ear.until(() => ear.over);
  if (model.state !== "abort") assert.equal(ear.said, model.said);
  // Octets behind STLS: nothing follows what was answered before, or a handshake that comes to nothing.
  else assert.ok(model.said.startsWith(ear.said));
  assertWellFormed(ear.said);
}

async function insideTls(
  random: Random,
  plain: Socket,
  plainEar: Ear,
  model: KeyServerModel,
  secureContext: SecureContext,
): Promise<void> {
  if (random.oneIn(10)) {
    // No handshake, or not a good one.
    const said = plainEar.said;
    plain.write(random.oneIn(2) ? random.octets(50) : Buffer.from("\x16\x03\x01\x00\x30hello", "latin1"));
    plain.end();
    await plainEar.until(() => plainEar.over);
    // A TLS alert may follow, and nothing else.
    assert.ok(plainEar.said.startsWith(said) && plainEar.said.length - said.length <= 7);
    return;
  }
  plain.removeAllListeners("data");
  const socket = openTls({
    socket: plain,
    secureContext,
    servername: "mx1.someisp.tld",
    ALPNProtocols: [ALPN],
  });
  const ear = new Ear(socket);
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  model.said = "";
  model.secured();
  for (const piece of random.pieces(requests(random, random.pick([4, 40, 400, 1100])))) {
    if (model.state !== "open" || ear.over) break;
    model.hear(piece.toString("latin1"));
    socket.write(piece);
    if (random.oneIn(10)) await wait(1);
  }
  if (random.oneIn(20)) socket.destroy();
  else await compare(socket, ear, model);
}

/** Whatever went before: a good client is served. */
async function assertServes(port: number, secureContext: SecureContext): Promise<void> {
  const plain = connect(port, "127.0.0.1");
  const plainEar = new Ear(plain);
  await plainEar.until(() => plainEar.said === GREETING);
  plain.write("STLS\r\n");
  await plainEar.until(() => plainEar.said.endsWith("begin\r\n"));
  plain.removeAllListeners("data");
  const socket = openTls({
    socket: plain,
    secureContext,
    servername: "mx1.someisp.tld",
    ALPNProtocols: [ALPN],
  });
  const ear = new Ear(socket);
  const line = `KEY allice@someisp.tld ${MODEL_KID}`;
  socket.write(`${line}\r\nQUIT\r\n`);
  await ear.until(() => ear.over);
  assert.equal(ear.said, `${modelKeyReply(line)}+OK\r\n`);
}
