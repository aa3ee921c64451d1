import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { MessageScanner } from "../signature/index.ts";
import { type DataSink, type Reply, reply } from "../smtp/index.ts";
import { inMemory, Spool, SpoolError, type SpooledOctets } from "../spool/index.ts";
import { contentOf, type ReceivedMessage, Reception, receivedFrom, receivedInMemory } from "./index.ts";

const base = mkdtempSync(join(tmpdir(), "vsmtp-reception-"));
after(() => rmSync(base, { recursive: true }));

const ok = reply(250, "2.0.0", "Ok");
const HEADER = "From: allice@someisp.test\r\nSubject: x\r\n";
const LINE = `${"x".repeat(70)}\r\n`;

/** A reception of its own, and what came of the one message that it is given. */
class Trial {
  readonly folder = mkdtempSync(join(base, "spool-"));
  readonly refusals: { reply: Reply; cause: unknown }[] = [];
  reception = undefined as unknown as Reception;
  taken: { message: ReceivedMessage; body: SpooledOctets } | null = null;

  static async open(
    options: { spoolAfter?: number; memoryOctets?: number; folder?: string } = {},
  ): Promise<Trial> {
    const trial = new Trial();
    const { spoolAfter = 1000, memoryOctets } = options;
    const spool = await Spool.open(trial.folder, { memoryOctets: spoolAfter });
    trial.reception = new Reception({ spool, memoryOctets });
    return trial;
  }

  begin(accept?: (message: ReceivedMessage) => Promise<Reply>): DataSink {
    const sink = this.reception.begin({
      declaredOctets: null,
      scanEightBit: false,
      accept:
        accept ??
        (async (message) => {
          this.taken = { message, body: await message.takeBody() };
          return ok;
        }),
      refused: (answer, cause) => this.refusals.push({ reply: answer, cause }),
    });
    assert.ok("write" in sink);
    return sink;
  }

  async send(octets: Uint8Array, pieceOctets = 4096): Promise<Reply> {
    const sink = this.begin();
    for (let at = 0; at < octets.length; at += pieceOctets)
      await sink.write(octets.subarray(at, at + pieceOctets));
    return sink.finish();
  }

  get files(): string[] {
    return readdirSync(this.folder);
  }

  /** The message as it would be queued. */
  async octets(): Promise<Buffer> {
    assert.ok(this.taken);
    const { message, body } = this.taken;
    const { inline, file } = contentOf(message.scanned.header.octets, body, message.hasEmptyLine);
    const pieces = [inline];
    if (file) for await (const piece of file.read()) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

async function text(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const piece of pieces) read.push(piece);
  return Buffer.concat(read).toString();
}

function codeOf({ code, enhanced }: Reply): string {
  return `${code} ${enhanced}`;
}

test("a body is read before it is taken, and not for an empty one afterwards", async () => {
  for (const spoolAfter of [100, 10_000]) {
    const trial = await Trial.open({ spoolAfter });
    const body = LINE.repeat(20);
    let received: ReceivedMessage | null = null;
    const sink = trial.begin(async (message) => {
      received = message;
      for (let times = 0; times < 2; times++) assert.equal(await text(message.readBody()), body);
      trial.taken = { message, body: await message.takeBody() };
      await assert.rejects(text(message.readBody()), SpoolError);
      return ok;
    });
    await sink.write(Buffer.from(`${HEADER}\r\n${body}`));
    assert.equal((await sink.finish()).code, 250);
    assert.equal(String(await trial.octets()), `${HEADER}\r\n${body}`);
    await assert.rejects(text((received as unknown as ReceivedMessage).readBody()), SpoolError);
  }
  const made = receivedInMemory(Buffer.from(`${HEADER}\r\nHi\r\n`));
  assert.equal(await text(made.readBody()), "Hi\r\n");
  assert.equal(await text(receivedInMemory(Buffer.from(HEADER)).readBody()), "");
});

test("whatever the pieces, octets and body hash are the message's own, in memory or in a file", async () => {
  const trial = await Trial.open({ spoolAfter: 300 });
  const line = fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,80}$/);
  const message = fc
    .tuple(fc.array(line, { maxLength: 20 }), fc.boolean())
    .map(([lines, body]) => Buffer.from(`${HEADER}${body ? `\r\n${lines.join("\r\n")}` : ""}`, "latin1"));
  await fc.assert(
    fc.asyncProperty(message, fc.integer({ min: 1, max: 700 }), async (octets, pieceOctets) => {
      assert.equal(codeOf(await trial.send(octets, pieceOctets)), "250 2.0.0");
      assert.deepEqual(await trial.octets(), octets);
      assert.ok(trial.taken);
      const { message: received, body } = trial.taken;
      const scanner = new MessageScanner();
      const scannedBody = scanner.write(octets);
      assert.equal(received.scanned.bodyHashBase64, scanner.finish().bodyHashBase64);
      assert.equal(
        received.eightBitBody,
        scannedBody.some((octet) => octet > 127),
      );
      assert.equal(body.file !== null, scannedBody.length > 300);
      await body.file?.remove();
      const whole = receivedInMemory(octets);
      assert.equal(whole.scanned.bodyHashBase64, received.scanned.bodyHashBase64);
      assert.deepEqual(
        [whole.hasEmptyLine, whole.eightBitBody],
        [received.hasEmptyLine, received.eightBitBody],
      );
    }),
    { numRuns: 200 },
  );
  assert.deepEqual([trial.files, trial.reception.memoryOctets], [[], 0]);
});

test("a body that nobody takes, whose client goes, or that breaks a rule leaves nothing behind", async () => {
  const trial = await Trial.open();
  const body = Buffer.from(`${HEADER}\r\n${LINE.repeat(100)}`);

  const gone = trial.begin();
  await gone.write(body);
  gone.abort("disconnected");
  assert.equal(trial.reception.memoryOctets, 0);

  const untaken = trial.begin(async () => reply(550, "5.7.1", "no"));
  await untaken.write(body);
  assert.equal(codeOf(await untaken.finish()), "550 5.7.1");

  const failing = trial.begin(async () => {
    throw new Error("a bug");
  });
  await failing.write(body);
  await assert.rejects(async () => failing.finish(), /a bug/);

  const hops = (count: number) => Buffer.from("Received: by a\r\n".repeat(count) + body.toString());
  assert.equal(codeOf(await trial.send(hops(100))), "554 5.4.6");
  assert.equal(codeOf(await trial.send(hops(99))), "250 2.0.0");
  await trial.taken?.body.file?.remove();

  const wide = Buffer.from(`${HEADER}X: ${LINE} `.repeat(20_000));
  assert.equal(codeOf(await trial.send(wide)), "552 5.3.4");
  assert.equal(trial.taken?.message.scanned.header.fields.length, 101, "that was the one before");

  assert.deepEqual(
    trial.refusals.map(({ reply: answer, cause }) => [codeOf(answer), cause]),
    [
      ["554 5.4.6", null],
      ["552 5.3.4", null],
    ],
  );
  // Files are removed beside the reply.
  while (trial.files.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(trial.reception.memoryOctets, 0);
});

test("memory: a large body is never whole in it, and all messages together have a bound", async () => {
  const trial = await Trial.open({ spoolAfter: 256 << 10, memoryOctets: 3 << 20 });
  const sink = trial.begin();
  await sink.write(Buffer.from(`${HEADER}\r\n`));
  const piece = Buffer.from(LINE.repeat(900));
  let most = 0;
  for (let octets = 0; octets < 40 << 20; octets += piece.length) {
    const written = sink.write(Buffer.from(piece));
    most = Math.max(most, trial.reception.memoryOctets);
    await written;
  }
  assert.ok(most < 1 << 20, `${most} octets in memory`);
  assert.equal(codeOf(await sink.finish()), "250 2.0.0");
  assert.ok((trial.taken?.body.file?.octets ?? 0) >= 40 << 20);
  assert.equal(trial.reception.memoryOctets, 0);

  const holders = [1, 2, 3, 4, 5, 6, 7].map(() => trial.begin());
  const held: boolean[] = [];
  for (const holder of holders) {
    await holder.write(Buffer.from(`${HEADER}\r\n${LINE.repeat(3500)}`));
    held.push(codeOf(await holder.finish()) === "250 2.0.0");
  }
  assert.ok(held.every(Boolean), "one after the other");
  const together = holders.map(() => trial.begin());
  for (const holder of together) await holder.write(Buffer.from(`${HEADER}\r\n${LINE.repeat(3500)}`));
  assert.ok(trial.reception.memoryOctets <= 3 << 20);
  assert.ok(
    "code" in trial.reception.begin({ ...unread, declaredOctets: 1 << 30 }),
    "no room for another one",
  );
  const codes = [];
  for (const holder of together) codes.push(codeOf(await holder.finish()));
  assert.deepEqual(codes.toSorted(), [...Array(6).fill("250 2.0.0"), "452 4.3.1"]);
  assert.equal(trial.reception.memoryOctets, 0);
});

const unread = {
  declaredOctets: null,
  scanEightBit: false,
  accept: async () => ok,
  refused: () => {},
};

test("a disk that refuses: 451 4.3.0 with the cause, and the rest of the message is not kept", async () => {
  const trial = await Trial.open();
  rmSync(trial.folder, { recursive: true });
  const body = Buffer.from(`${HEADER}\r\n${LINE.repeat(20_000)}`);
  assert.equal(codeOf(await trial.send(body)), "451 4.3.0");
  assert.equal(codeOf(await trial.send(body, body.length)), "451 4.3.0");
  assert.equal(codeOf(await trial.send(body.subarray(0, 900))), "250 2.0.0", "small ones need no disk");
  assert.equal(trial.refusals.length, 2);
  assert.ok(trial.refusals.every(({ cause }) => cause instanceof Error));
  assert.ok(!existsSync(trial.folder));
});

test("contentOf puts small messages together and leaves large ones apart", () => {
  const header = Buffer.from(HEADER);
  const body = inMemory([Buffer.from("a\r\n"), Buffer.from("b\r\n")], 6);
  assert.equal(contentOf(header, body).inline.toString(), `${HEADER}\r\na\r\nb\r\n`);
  assert.equal(contentOf(header, inMemory([], 0), false).inline.toString(), HEADER);
});

test("a message that somebody else keeps is scanned as if it had come here, and read again for its body", async () => {
  const line = fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,80}$/);
  const message = fc
    .tuple(fc.array(line, { maxLength: 20 }), fc.constantFrom("", "\r\n", "\r\n\r\n"))
    .map(([lines, gap]) => Buffer.from(`${HEADER}${gap}${gap && lines.join("\r\n")}`, "latin1"));
  const inPieces = (octets: Buffer, size: number) =>
    async function* () {
      for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
    };
  await fc.assert(
    fc.asyncProperty(message, fc.integer({ min: 1, max: 700 }), async (octets, size) => {
      const kept = await receivedFrom(inPieces(octets, size));
      const held = receivedInMemory(octets);
      for (const key of ["bodyOctets", "hasEmptyLine", "eightBitBody"] as const)
        assert.equal(kept[key], held[key]);
      assert.equal(kept.scanned.bodyHashBase64, held.scanned.bodyHashBase64);
      assert.deepEqual(kept.scanned.header.octets, held.scanned.header.octets);
      assert.deepEqual(kept.eightBit?.plan ?? null, held.eightBit?.plan ?? null);
      assert.equal(await text(kept.readBody()), await text(held.readBody()));
      const taken = await kept.takeBody();
      assert.deepEqual([taken.memory, taken.file, taken.octets], [null, null, held.bodyOctets]);
      assert.equal(await text(taken.read()), await text(held.readBody()));
    }),
    { numRuns: 200 },
  );
});

test("its header may be too large, and whoever keeps it may fail", async () => {
  let pieces = 0;
  const wide = async function* () {
    for (; ; pieces++) yield Buffer.from(`X: ${LINE}`.repeat(1000));
  };
  assert.equal((await receivedFrom(wide)).scanned.fault?.kind, "header-too-large");
  assert.ok(pieces < 20, "it was read on");
  const broken = async function* () {
    yield Buffer.from(HEADER);
    throw new Error("gone");
  };
  await assert.rejects(receivedFrom(broken), /gone/);
});
