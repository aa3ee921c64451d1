// A whole session of the milter protocol without sockets: packets in any order, whole and mutated, in any portions, to a
// handler that answers at once or later, fails and refuses. What is said is compared with a model, octet for octet.
import assert from "node:assert/strict";
import type {
  MilterAnswer,
  MilterEvent,
  MilterHandler,
  MilterMessage,
  MilterOutcome,
} from "../../src/milter/index.ts";
import { packetOf } from "../../src/milter/test-milter-client.ts";
import { SessionHere } from "../../src/milter/test-session.ts";
import { MAX_HEADER, MAX_RECIPIENTS, MilterModel } from "../support/milter-model.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

export const target: FuzzTarget = { measure: "packets", few: 1000, run: trySession };

/** What becomes of a message stands in its sender, of a recipient in its address: so the model knows it too. */
const SENDERS = ["plain", "plain", "plain", "edits", "body", "refuse", "discard", "accept", "continue"];
const LATER = [
  "finish-refuse",
  "finish-discard",
  "quarantine",
  "unfit",
  "bad-write",
  "bad-begin",
  "bad-finish",
];
const RECIPIENTS = ["bob", "bob", "bob", "no", "accept", "discard", "bad"];
const FIELDS = [
  ["From", " a@a.example"],
  ["X-A", " 1"],
  ["x-a", " folded\n\tvalue"],
  ["Subject", ""],
] as const;

interface Seen {
  content: string;
  ends: string[];
  isWriting: boolean;
}

async function trySession(random: Random): Promise<number> {
  const asksRcpt = random.oneIn(3);
  const model = new MilterModel(asksRcpt);
  const messages: Seen[] = [];
  const events: MilterEvent[] = [];
  const here = new SessionHere({
    handler: handlerOf(random, asksRcpt, messages),
    limits: { recipients: MAX_RECIPIENTS, headerOctets: MAX_HEADER },
    onEvent: (event) => events.push(event),
    newConnectionId: () => "id",
  });
  const { session } = here;
  const stream = conversation(random);
  for (const piece of random.pieces(stream)) {
    if (here.isOver) break;
    model.hear(piece);
    session.receive(piece);
    while (!here.isOver && !session.ready) {
      if (here.congested) {
        here.congested = false;
        session.resume();
      } else await new Promise(setImmediate);
    }
    if (random.oneIn(40)) here.congested = true;
  }
  assert.equal(here.said.toString("latin1"), model.said);
  assert.equal(here.isOver, model.isOver);
  assert.equal(events.filter(({ kind }) => kind === "broken").length, model.isBroken ? 1 : 0);
  const isLeft = messages.some(({ ends }) => ends.length === 0);
  if (!here.isOver) {
    if (random.oneIn(2)) session.closed();
    else session.drop();
  }
  assert.equal(events.filter(({ kind }) => kind === "abandoned").length, isLeft ? 1 : 0);
  for (const { ends } of messages) assert.equal(ends.length, 1, "a message has one end");
  assert.deepEqual(
    messages.filter(({ ends }) => ends[0] === "finish").map(({ content }) => content),
    model.finished,
  );
  return model.packets;
}

/** At once, soon or later. */
function sometime<T>(random: Random, make: () => T): T | Promise<T> {
  if (random.oneIn(2)) return make();
  if (random.oneIn(2)) return (async () => make())();
  return new Promise((resolve, reject) =>
    setImmediate(() => {
      try {
        resolve(make());
      } catch (error) {
        reject(error);
      }
    }),
  );
}

function handlerOf(random: Random, asksRcpt: boolean, messages: Seen[]): MilterHandler {
  return {
    ...(asksRcpt && {
      rcpt: (_transaction, { address }) => sometime(random, () => answerOf(address.split("@")[0] ?? "")),
    }),
    begin: (transaction) =>
      sometime(random, () => {
        const way = transaction.sender.address.split("@")[0] ?? "";
        assert.ok(transaction.recipients.length <= MAX_RECIPIENTS);
        if (way === "bad-begin") throw new Error("begin");
        if (["refuse", "discard", "accept", "continue"].includes(way)) return answerOf(way);
        return messageOf(random, way, messages);
      }),
  };
}

function answerOf(way: string): MilterAnswer {
  if (way === "bad") throw new Error("rcpt");
  if (way === "accept" || way === "discard") return { kind: way };
  if (way !== "no" && way !== "refuse") return { kind: "continue" };
  return { kind: "refuse", reply: { code: 550, enhanced: "5.7.1", text: "100% no" } };
}

function messageOf(random: Random, way: string, messages: Seen[]): MilterMessage {
  const seen: Seen = { content: "", ends: [], isWriting: false };
  messages.push(seen);
  return {
    write(octets) {
      assert.ok(!seen.isWriting && seen.ends.length === 0);
      if (way === "bad-write") throw new Error("write");
      seen.content += Buffer.from(octets).toString("latin1");
      if (random.oneIn(2)) return;
      seen.isWriting = true;
      return new Promise((resolve) =>
        setImmediate(() => {
          seen.isWriting = false;
          resolve();
        }),
      );
    },
    finish() {
      seen.ends.push("finish");
      return sometime(random, () => outcomeOf(way));
    },
    abort: () => void seen.ends.push("abort"),
  };
}

function outcomeOf(way: string): MilterOutcome {
  const outcome: MilterOutcome = { answer: { kind: "continue" }, edits: [], body: null, quarantine: null };
  const mark = { kind: "prepend", octets: Buffer.from("Mark: 1\r\n") } as const;
  switch (way) {
    case "edits":
      return { ...outcome, answer: { kind: "accept" }, edits: [mark] };
    case "body":
      return { ...outcome, edits: [mark], body: bodyOf() };
    case "quarantine":
      return { ...outcome, quarantine: "why" };
    case "finish-refuse":
      return { ...outcome, answer: answerOf("refuse") };
    case "finish-discard":
      return { ...outcome, answer: { kind: "discard" } };
    case "unfit":
      return { ...outcome, edits: [{ kind: "prepend", octets: Buffer.from("no field") }] };
    case "bad-finish":
      throw new Error("finish");
    default:
      return outcome;
  }
}

async function* bodyOf() {
  yield Buffer.from("other ");
  await null;
  yield Buffer.from("body\r\n");
}

/** What a mail server may say, and now and then what none would. */
function conversation(random: Random): Buffer {
  const said: Buffer[] = [];
  const hostile = random.oneIn(3);
  const say = (letter: string, ...data: (string | number | Uint8Array)[]) => {
    if (hostile && random.oneIn(60)) return;
    const octets = packetOf(letter, ...data);
    said.push(octets);
    if (hostile && random.oneIn(60)) said.push(octets);
  };
  if (random.oneIn(3)) say("O", 2 + random.below(4), 0x3f, random.pick([0x7f, 0xff, 0x3ff]));
  else say("O", 6, random.pick([0x1ff, 0x3f, 0x0f]), random.oneIn(3) ? random.below(0x200000) : 0x1fffff);
  for (let clients = 1 + random.below(3); clients > 0; clients--) {
    if (random.oneIn(2)) say("D", "Cj", "mx.example");
    if (random.oneIn(2)) say("C", "client.example", Buffer.from("4\x09\x09192.0.2.1\0"));
    else say("C", "localhost", Buffer.from("U"));
    if (!random.oneIn(4)) say("H", "client.example");
    for (let messages = random.below(5); messages > 0; messages--) {
      message(random, say);
      if (random.oneIn(6)) say("U", "HELP");
      if (random.oneIn(6)) say("A");
    }
    if (clients > 1) say("K");
  }
  if (random.oneIn(2)) say("Q");
  const octets = Buffer.concat(said);
  return hostile && random.oneIn(3) ? random.mutate(octets) : octets;
}

function message(
  random: Random,
  say: (letter: string, ...data: (string | number | Uint8Array)[]) => void,
): void {
  const steps = random.oneIn(5) ? random.below(7) : 7;
  say("D", "Mi", "4XyZ");
  say("M", `<${random.pick(random.oneIn(3) ? LATER : SENDERS)}@a.example>`);
  for (let count = 1 + random.below(random.oneIn(20) ? 2 * MAX_RECIPIENTS : 3); count > 0; count--) {
    say("R", `<${random.pick(random.oneIn(3) ? RECIPIENTS : ["bob"])}@b.example>`);
  }
  if (steps < 1) return;
  if (!random.oneIn(3)) say("T");
  if (steps < 2) return;
  for (let count = random.below(4); count > 0; count--) say("L", ...random.pick(FIELDS));
  if (random.oneIn(30)) say("L", "Long", "x".repeat(random.below(2 * MAX_HEADER)));
  if (steps < 3) return;
  if (!random.oneIn(6)) say("N");
  if (steps < 4) return;
  for (let count = random.below(3); count > 0; count--) say("B", Buffer.alloc(random.below(300), "text\r\n"));
  if (steps < 5) return;
  if (random.oneIn(2)) say("D", "Ei", "4XyZ");
  say("E", ...(random.oneIn(3) ? [Buffer.from("the end\r\n")] : []));
}
