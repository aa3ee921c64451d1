import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

// The playground as a program: what it prints, its exit status, and that it leaves nothing behind. That mail programs
// can send through it, playground-clients.test.ts shows.

const mainFile = join(import.meta.dirname, "../src/cli/main.ts");
/** Where playgrounds make their folders; empty once they have ended. */
const temporary = mkdtempSync(join(tmpdir(), "vsmtp-test-"));
after(() => rmSync(temporary, { recursive: true }));

class Playground {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";
  #wake: () => void = () => {};

  constructor(args: readonly string[] = [], temporaryFolder = temporary) {
    this.child = spawn(process.execPath, [mainFile, "playground", ...args], {
      env: { ...process.env, TMPDIR: temporaryFolder },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 90_000,
    });
    this.ended = once(this.child, "close").then(([status]) => {
      this.#wake();
      return status;
    });
    this.child.stdout?.on("data", (octets: Buffer) => {
      this.stdout += octets.toString();
      this.#wake();
    });
    this.child.stderr?.on("data", (octets: Buffer) => {
      this.stderr += octets.toString();
    });
  }

  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      assert.equal(this.child.exitCode, null, `it ended early:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const rows: readonly (readonly [scenario: string, verdict: string, reply: string, mailbox: string])[] = [
  ["honest mail", "pass", "250 2.0.0", "inbox"],
  ["unsigned forgery", "none", "550 5.7.1", "-"],
  ["forgery with a bogus key", "fail no-key", "550 5.7.5", "-"],
  ["forgery under her key's id", "fail signature", "550 5.7.1", "-"],
  ["body altered in transit", "fail body", "550 5.7.1", "-"],
  ["secretary for boss, granted", "pass", "250 2.0.0", "inbox"],
  ["intern for boss, not granted", "-", "550 5.7.1", "-"],
  ["temp for boss, grant withdrawn", "neutral sender-only", "550 5.7.1", "-"],
  ["spammer's own domain (traceable)", "pass", "250 2.0.0", "inbox"],
  ["suspended account: login", "-", "550 5.7.1", "-"],
  ["suspended account: queued mail", "-", "-", "-"],
  ["suspended account: mail under way", "fail suspended", "550 5.7.5", "-"],
  ["re-keyed account: queued mail", "-", "-", "-"],
  ["re-keyed account: mail under way", "fail revoked", "550 5.7.5", "-"],
  ["re-keyed account: new mail", "pass", "250 2.0.0", "inbox"],
  ["key server forwards with -FW", "pass", "250 2.0.0", "inbox"],
  ["key server down", "temperror unavailable", "451 4.4.3", "-"],
  ["key server back: the same message", "pass", "250 2.0.0", "inbox"],
  ["replay to another recipient", "pass", "250 2.0.0", "inbox"],
  ["passed on by his old address", "pass", "250 2.0.0", "inbox"],
  ["sent by a mailing list", "pass", "250 2.0.0", "inbox"],
  ["signed mail to a plain mail host", "pass", "250 2.0.0", "inbox"],
  ["unsigned, no policy: observe", "none", "250 2.0.0", "tagged"],
  ["unsigned, no policy: enforce", "none", "250 2.0.0", "inbox"],
  ["unsigned, no policy: require", "none", "550 5.7.1", "-"],
];

test("--exit plays every scenario and ends with status 0 when all came out as expected", async () => {
  const playground = new Playground(["--exit"]);
  assert.equal(await playground.ended, 0, playground.stdout + playground.stderr);
  const { stdout } = playground;
  const table = stdout.slice(stdout.indexOf("\nSCENARIO ")).split("\n").slice(2, -3);
  assert.deepEqual(
    table
      .map((line) => line.split(/ {2,}/))
      .map(([scenario, verdict, , , ...rest]) => [scenario, verdict, ...rest]),
    rows.map((row) => [...row, "ok"]),
  );
  assert.match(stdout, /\nAll 25 came out as expected\.\n$/);
  assert.equal(playground.stderr, "");
});

test("a signal ends it in order, whatever it is doing, and its folder is gone", async () => {
  const early = new Playground();
  await early.printed("Unsigned forgery");
  assert.equal(readdirSync(temporary).length, 1);
  early.child.kill("SIGINT");
  assert.equal(await early.ended, 0, early.stderr);
  assert.match(early.stdout, /Stopped\.\n$/);

  const late = new Playground();
  await late.printed("Waiting for mail");
  late.child.kill("SIGTERM");
  assert.equal(await late.ended, 0, late.stderr);
  assert.deepEqual(readdirSync(temporary), []);
  const { stdout } = late;
  assert.match(
    stdout,
    /C: KEY allice@someisp\.test \S{22}\n +S: \+OK 1\n +S: v=1; i=allice@someisp\.test; k=/,
  );
  assert.match(stdout, /S: -FW mx\.someisp\.test:8757/);
  assert.match(stdout, /C: RCPT TO:<eve@dest\.test>[\s\S]*?rcpt=mismatch/);
  const tooLong = stdout.split("\n").filter((line) => line.length > 100 && !line.includes(temporary));
  assert.deepEqual(tooLong, []);
  assert.ok(!stdout.includes("\x1b"), "colours where nobody looks");
  const [, seconds] = /The first message was there ([\d.]+) s after the start/.exec(stdout) ?? [];
  // Three seconds are the aim on a machine with nothing else to do; tests share theirs.
  assert.ok(Number(seconds) < 10, `${seconds} s`);
});

test("--exit that is interrupted has shown nothing: status 1", async () => {
  const playground = new Playground(["--exit"]);
  await playground.printed("Honest mail");
  playground.child.kill("SIGINT");
  assert.equal(await playground.ended, 1);
  assert.deepEqual(readdirSync(temporary), []);
});

test("its folder is gone as well when nobody reads its output any more", async () => {
  const playground = new Playground();
  await playground.printed("Honest mail");
  playground.child.stdout?.destroy();
  await playground.ended;
  assert.deepEqual(readdirSync(temporary), []);
});

test("what keeps it from starting is one line with the remedy", async () => {
  const playground = new Playground([], join(temporary, "missing"));
  assert.equal(await playground.ended, 2);
  assert.match(playground.stderr, /^vsmtp: .*missing.* cannot be written \(ENOENT\): set TMPDIR to .*\n$/);
});
