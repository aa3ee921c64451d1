import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { Spool, SpoolError, type SpooledOctets } from "./index.ts";
import { PieceList } from "./piece-list.ts";

let base: string;
before(async () => {
  base = await mkdtemp(join(tmpdir(), "vsmtp-spool-"));
});
after(() => rm(base, { recursive: true, force: true }));

let folders = 0;
async function newSpool(memoryOctets?: number): Promise<{ spool: Spool; folder: string }> {
  const folder = join(base, `${folders++}`, "spool");
  return { spool: await Spool.open(folder, memoryOctets === undefined ? {} : { memoryOctets }), folder };
}

async function readAll(from: { read(): AsyncIterable<Uint8Array> }): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of from.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function spooled(spool: Spool, ...chunks: readonly Uint8Array[]): Promise<SpooledOctets> {
  const writer = spool.receive();
  for (const chunk of chunks) await writer.write(chunk);
  return writer.finish();
}

describe("Spool", () => {
  test("keeps in memory what is small, and makes no file", async () => {
    const { spool, folder } = await newSpool();
    const received = await spooled(spool, Buffer.from("one "), Buffer.alloc(0), Buffer.from("two"));
    equal(received.octets, 7);
    equal(received.file, null);
    equal(Buffer.concat(received.memory ?? []).toString(), "one two");
    equal((await readAll(received)).toString(), "one two");
    deepEqual(await readdir(folder), []);
  });

  test("what need not outlive the process is the same without a sync", async () => {
    const folder = join(base, `${folders++}`, "spool");
    const spool = await Spool.open(folder, { memoryOctets: 10, durable: false });
    const received = await spooled(spool, Buffer.from("more than "), Buffer.from("ten octets"));
    equal((await readAll(received)).toString(), "more than ten octets");
    await received.file?.remove();
    deepEqual(await readdir(folder), []);
  });

  test("256 KiB are small, one octet more is a file that only its owner reads", async () => {
    const { spool, folder } = await newSpool();
    const limit = 256 << 10;
    equal((await spooled(spool, Buffer.alloc(limit, 1))).file, null);
    const chunks = [Buffer.alloc(limit, 1), Buffer.from([2])];
    const received = await spooled(spool, ...chunks);
    equal(received.memory, null);
    const name = received.file?.name ?? "";
    deepEqual(await readdir(folder), [name]);
    const { mode, size } = await stat(join(folder, name));
    equal(mode & 0o777, 0o600);
    equal(size, limit + 1);
    equal((await stat(folder)).mode & 0o777, 0o700);
    deepEqual(await readAll(received), Buffer.concat(chunks));
    deepEqual(await readAll(spool.file(name, limit + 1)), Buffer.concat(chunks), "by its name");
    for await (const piece of received.read()) ok(piece.length <= limit);
    await received.file?.remove();
    await received.file?.remove();
    deepEqual(await readdir(folder), []);
    await rejects(readAll(received), SpoolError);
  });

  test("keeps the order of chunks of any size, written with and without waiting", async () => {
    const { spool } = await newSpool(100);
    const chunks = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), async (given, waiting) => {
        const writer = spool.receive();
        for (const chunk of given) {
          const written = writer.write(chunk);
          if (waiting) await written;
        }
        const received = await writer.finish();
        deepEqual(await readAll(received), Buffer.concat(given));
        await received.file?.remove();
      }),
      { numRuns: 60 },
    );
  });

  test("asks to wait while the disk is behind, and then holds little", async () => {
    const { spool } = await newSpool();
    const writer = spool.receive();
    let waited = 0;
    for (let i = 0; i < 64; i++) {
      const written = writer.write(Buffer.alloc(128 << 10, i));
      ok(writer.memoryOctets <= (512 + 128) << 10, `${writer.memoryOctets} octets in memory`);
      if (written === undefined) continue;
      waited++;
      await written;
      equal(writer.memoryOctets, 0);
    }
    ok(waited > 0);
    equal((await writer.finish()).octets, 8 << 20);
  });

  test("what was written can be read, and read again, before it is finished", async () => {
    for (const octets of [0, 5, 4000]) {
      const { spool } = await newSpool(100);
      const writer = spool.receive();
      const written = Buffer.alloc(octets, "abcdefg");
      for (let at = 0; at < octets; at += 300) await writer.write(written.subarray(at, at + 300));
      for (let times = 0; times < 2; times++) deepEqual(await readAll(writer), written);
      deepEqual(await readAll(await writer.finish()), written);
    }
    const { spool } = await newSpool(100);
    const writer = spool.receive();
    await writer.write(Buffer.alloc(4000));
    await writer.discard();
    await rejects(readAll(writer), SpoolError);
  });

  test("a large file passes with little garbage", async () => {
    const { spool } = await newSpool();
    const writer = spool.receive();
    let most = 0;
    const note = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    };
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) {
      await writer.write(Buffer.alloc(64 << 10, i));
      note();
    }
    const { file } = await writer.finish();
    for await (const piece of file?.read() ?? []) {
      ok(piece.length > 0);
      note();
    }
    await file?.remove();
    ok(most - before < 24 << 20, `${most - before} octets of buffers lie about`);
  });

  test("octets that come one by one do not each cost a buffer", () => {
    const list = new PieceList();
    for (let i = 0; i < 100_000; i++) list.add(Buffer.of(i));
    equal(list.octets, 100_000);
    const pieces = list.take();
    ok(pieces.length < 100, `${pieces.length} pieces`);
    equal(list.octets, 0);
    ok(Buffer.concat(pieces).every((octet, i) => octet === (i & 255)));
  });

  test("what is discarded leaves nothing, at any moment", async () => {
    const { spool, folder } = await newSpool(10);
    const small = spool.receive();
    small.write(Buffer.from("small"));
    await small.discard();
    const early = spool.receive();
    early.write(Buffer.alloc(1 << 20));
    await early.discard();
    const late = spool.receive();
    await late.write(Buffer.alloc(1 << 20));
    await late.discard();
    deepEqual(await readdir(folder), []);
    await rejects(async () => late.write(Buffer.from("more")), SpoolError);
    await rejects(late.finish(), SpoolError);
  });

  test("a folder that cannot be used is said at once, or when a file is needed", async () => {
    const path = join(base, "a-file");
    await writeFile(path, "");
    await rejects(Spool.open(join(path, "below")), isSpoolError("broken"));
    const { spool, folder } = await newSpool(10);
    await rm(folder, { recursive: true });
    const writer = spool.receive();
    await writer.write(Buffer.alloc(5));
    writer.write(Buffer.alloc(50));
    await rejects(writer.finish(), isSpoolError("broken"));
    await rejects(async () => writer.write(Buffer.alloc(50)), isSpoolError("broken"));
    await writer.discard();
  });

  test("a file that lost its end is not taken for whole", async () => {
    const { spool, folder } = await newSpool(10);
    const received = await spooled(spool, Buffer.alloc(600 << 10));
    await truncate(join(folder, received.file?.name ?? ""), 300 << 10);
    await rejects(readAll(received), isSpoolError("broken"));
  });

  test("names are names only", async () => {
    const { spool } = await newSpool();
    for (const name of ["", "..", "../../etc/passwd", "a/b", "A"])
      throws(() => spool.file(name, 1), RangeError);
  });

  test("sweeps old files that nobody needs, and nothing else", async () => {
    const { spool, folder } = await newSpool(10);
    const names: string[] = [];
    for (let i = 0; i < 3; i++) names.push((await spooled(spool, Buffer.alloc(100))).file?.name ?? "");
    const [needed = "", unneeded = "", young = ""] = names;
    await writeFile(join(folder, "README"), "not ours");
    const longAgo = new Date(Date.now() - 3 * 3_600_000);
    for (const name of [needed, unneeded, "README"]) await utimes(join(folder, name), longAgo, longAgo);
    const asked: string[] = [];
    const swept = await spool.sweep(async (some) => {
      asked.push(...some);
      return new Set([needed]);
    }, 2 * 3_600_000);
    equal(swept, 1);
    deepEqual(asked.sort(), [needed, unneeded].sort());
    deepEqual((await readdir(folder)).sort(), ["README", needed, young].sort());
  });

  test("a full disk is `full`, and leaves nothing behind", async (t) => {
    const mounted = mountSmall(join(base, "small"));
    if (mounted !== null) return t.skip(mounted);
    const folder = join(base, "small", "spool");
    try {
      const spool = await Spool.open(folder);
      const writer = spool.receive();
      const failed = async (): Promise<void> => {
        for (let i = 0; i < 64; i++) await writer.write(Buffer.alloc(64 << 10));
        await writer.finish();
      };
      await rejects(failed(), isSpoolError("full"));
      deepEqual(await readdir(folder), []);
      await rejects(writer.finish(), isSpoolError("full"));
      await writer.discard();
      const received = await spooled(spool, Buffer.alloc(512 << 10, 7));
      equal(
        (await readFile(join(folder, received.file?.name ?? ""))).length,
        512 << 10,
        "there is room again",
      );
    } finally {
      execFileSync("umount", [join(base, "small")]);
    }
  });

  test("a folder that must not be written to is `broken`", async (t) => {
    if (process.getuid?.() === 0) return t.skip("root may write everywhere");
    const { folder } = await newSpool();
    await chmod(folder, 0o500);
    await rejects(Spool.open(folder), isSpoolError("broken"));
  });
});

function isSpoolError(kind: "full" | "broken"): (error: unknown) => boolean {
  return (error) => error instanceof SpoolError && error.kind === kind;
}

/** Why a file system of 1 MiB cannot be had; null where it was mounted. */
function mountSmall(folder: string): string | null {
  if (process.getuid?.() !== 0) return "only root can mount a small file system";
  try {
    execFileSync("mkdir", [folder]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
    return null;
  } catch {
    return "a small file system cannot be mounted here";
  }
}
