import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { type KeyConnection, openKeyConnection, parseStatement } from "../src/key-protocol/index.ts";
import { KeyServerControl, type KeyServerProcess } from "../src/provider/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// The public interface alone, in two processes that share its port, as an operator runs and drains it.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-key-server-"));
const settings = join(folder, "vsmtp.toml");
const open = join(folder, "open.toml");
const allice = { localPart: "allice", domain: "someisp.test" };
let roots: SecureContext;
let oldClient: SecureContext;
let port = 0;
let kid = "";
let program: RunningProgram;

before(async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(["mx.someisp.test"]);
  roots = createSecureContext({ ca: authority.cert });
  oldClient = createSecureContext({ ca: authority.cert, maxVersion: "TLSv1.2" });
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  [port = 0] = await freePorts(1);
  const common = `roles = ["key-server"]
hostname = "mx.someisp.test"
data_directory = "data"
tls = { certificate = "cert.pem", key = "key.pem" }
`;
  writeFileSync(settings, `${common}[key_server]\nlisten = ["127.0.0.1:${port}"]\nprocesses = 2\n`);
  // No master key, and none is needed: nothing is signed, there are no decoys.
  writeFileSync(
    open,
    `${common}[key_server]\nlisten = ["127.0.0.1:${port}"]\nexposure = "open"
[store]\nmaster_key = "credential:none"\n`,
  );
  await administer(["domain", "add", "someisp.test"]);
  const account = await administer(["account", "add", "allice@someisp.test", "--no-password", "--json"]);
  kid = JSON.parse(account).kid;
});
after(async () => {
  await program?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("without decoys and signed statements it needs no master key", async () => {
  program = new RunningProgram(["serve", "--config", open]);
  await program.line((line) => line.msg === "started");
  const connection = await openConnection();
  const statement = await ask(connection);
  assert.deepEqual([statement.state, statement.signature], ["active", null]);
  await administer(["domain", "add", "signed.test", "--sign-statements"]);
  await administer(["account", "add", "leo@signed.test", "--no-password"]);
  const refused = await connection.key({ localPart: "leo", domain: "signed.test" }, null, soon());
  assert.deepEqual(refused, { kind: "error", code: "TEMP" }, "better no answer than one without s (STA-13)");
  await program.line((line) => line.msg === "keys cannot be read");
  connection.close();
  assert.equal(await program.stop(), 0, program.stderr);
  await administer(["domain", "rekey-statements", "someisp.test", "--yes"]);
});

test("two processes share the port, and sign what they serve", async () => {
  program = new RunningProgram(["serve", "--config", settings]);
  await program.line((line) => line.msg === "started");
  const connections = await Promise.all(Array.from({ length: 24 }, openConnection));
  for (const connection of connections) {
    const { state, signature } = await ask(connection);
    assert.deepEqual([state, signature?.length], ["active", 64]);
  }
  const processes = await processesWhen((all) => all.reduce((sum, one) => sum + one.connections, 0) === 24);
  assert.equal(processes.length, 2);
  assert.ok(processes.every(({ connections }) => connections > 0));
  await administer(["account", "suspend", "allice@someisp.test"]);
  const all = await Promise.all(connections.map((connection) => connection.key(allice, kid, soon())));
  for (const reply of all)
    assert.match(reply.kind === "statements" ? (reply.lines[0] ?? "") : "", /st=suspended/);
  for (const connection of connections) connection.close();
});

test("a TLS session goes on in the other process, and after a restart", async () => {
  const session = await newSession();
  const resumed = await Promise.all(Array.from({ length: 12 }, () => isResumed(session)));
  assert.deepEqual(resumed, Array(12).fill(true));
  assert.equal(await program.stop(), 0, program.stderr);
  program = new RunningProgram(["serve", "--config", settings]);
  await program.line((line) => line.msg === "started");
  assert.equal(await isResumed(session), true);
});

test("no client of TLS 1.2 has a second handshake in its connection", async () => {
  const secure = await handshake({ secureContext: oldClient });
  const refused = new Promise<Error>((resolve) => secure.once("error", resolve));
  secure.renegotiate({ rejectUnauthorized: false }, () => {});
  assert.match(String(await refused), /no renegotiation/);
  secure.destroy();
});

test("drain sends clients elsewhere at once and over restarts, status tells who is left, resume ends it", async () => {
  const connection = await openConnection();
  const drained = await vsmtp([
    "key-server",
    "drain",
    "--to",
    "keys2.someisp.test:8757",
    "--config",
    settings,
  ]);
  assert.equal(drained.status, 0, drained.stderr);
  assert.match(
    drained.stdout,
    /^drain(?:ing|ed) since .*, new clients go to keys2\.someisp\.test:8757: \d connections?\n/,
  );
  await processesWhen((all) => all.every(({ drainedSince }) => drainedSince !== null));
  assert.equal(await greeting(), "-FW keys2.someisp.test:8757\r\n");
  assert.equal((await status()).state, "draining");
  const reply = await connection.key(allice, kid, soon());
  assert.deepEqual(reply, { kind: "redirect", host: "keys2.someisp.test", port: 8757 });
  await processesWhen((all) => all.every(({ connections }) => connections === 0));
  const { state, connections, to } = await status();
  assert.deepEqual([state, connections, to], ["drained", 0, "keys2.someisp.test:8757"]);

  await program.stop();
  assert.match(
    (await vsmtp(["key-server", "status", "--config", settings])).stdout,
    /no key server runs here/,
  );
  program = new RunningProgram(["serve", "--config", settings]);
  await program.line((line) => line.msg === "started");
  assert.equal(await greeting(), "-FW keys2.someisp.test:8757\r\n");
  const waited = await vsmtp(["key-server", "drain", "--wait", "5", "--config", settings]);
  assert.deepEqual([waited.status, /turned away/.test(waited.stdout)], [0, true], waited.stdout);
  assert.equal(await greeting(), "-ERR [TEMP] maintenance\r\n");
  await administer(["key-server", "resume"]);
  await processesWhen((all) => all.every(({ drainedSince }) => drainedSince === null));
  assert.equal(await greeting(), "+OK VSMTP/1 mx.someisp.test\r\n");
  const wrong = await vsmtp(["key-server", "drain", "--to", "10.0.0.1:8757", "--config", settings]);
  assert.match(wrong.stderr, /the host a name and the port 443 or at least 1024/);
});

test("a process that dies is started again; when the parent is killed none stays", async () => {
  const before = await processesWhen((all) => all.length === 2);
  process.kill(before[0]?.pid ?? 0, "SIGKILL");
  await program.line((line) => line.msg === "a process has ended");
  const pids = before.map(({ pid }) => pid);
  const isNew = ({ pid }: { pid: number }): boolean => !pids.includes(pid);
  const newcomer = (await processesWhen((all) => all.some(isNew))).find(isNew)?.pid ?? 0;
  await program.stop("SIGKILL");
  for (let tries = 0; isRunning(newcomer); tries++) {
    assert.ok(tries < 100);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(
    readdirSync(join(folder, "data")).filter((name) => name.endsWith(".new")),
    [],
  );
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("more replies than memory can hold are refused before anything starts", async () => {
  const greedy = join(folder, "greedy.toml");
  writeFileSync(greedy, readFileSync(settings, "utf8").replace("processes = 2", "remembered = 40_000_000"));
  const { status, stderr } = await vsmtp(["serve", "--config", greedy]);
  assert.equal(status, 2);
  assert.match(stderr, /^vsmtp: .*remembered = 40000000 takes about \d+ MiB.*--max-old-space-size=\d+\n$/);
});

test("an MX host whose key server is elsewhere sends askers there, and holds no keys (DIS-3)", async () => {
  const away = join(folder, "away.toml");
  writeFileSync(
    away,
    readFileSync(settings, "utf8")
      .replace("processes = 2", 'redirect = "keys.someisp.test:8757"')
      .replace('"data"', '"away"'),
  );
  program = new RunningProgram(["serve", "--config", away]);
  await program.line((line) => line.msg === "started");
  assert.equal(await greeting(), "-FW keys.someisp.test:8757\r\n");
  assert.equal(await program.stop(), 0, program.stderr);
  assert.deepEqual(readdirSync(join(folder, "away")), []);
});

/** What the processes say of themselves, once it is so. */
async function processesWhen(
  isSo: (processes: readonly KeyServerProcess[]) => boolean,
): Promise<readonly KeyServerProcess[]> {
  const control = new KeyServerControl(join(folder, "data"));
  for (let tries = 0; ; tries++) {
    const processes = await control.processes();
    if (isSo(processes)) return processes;
    assert.ok(tries < 400, JSON.stringify(processes));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function status(): Promise<{ state: string; to: string | null; connections: number }> {
  return JSON.parse(await administer(["key-server", "status", "--json"]));
}

async function administer(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await vsmtp([...args, "--config", settings]);
  assert.equal(status, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function openConnection(): Promise<KeyConnection> {
  const target = { host: "mx.someisp.test", address: "127.0.0.1", port };
  const dialer = {
    connect: () =>
      new Promise<ReturnType<typeof connect>>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject);
      }),
  };
  const opened = await openKeyConnection(target, { dialer, secureContext: roots, signal: soon() });
  assert.ok(opened.kind === "open", JSON.stringify(opened));
  return opened.connection;
}

async function ask(connection: KeyConnection) {
  const reply = await connection.key(allice, kid, soon());
  assert.ok(reply.kind === "statements", JSON.stringify(reply));
  const parsed = parseStatement(reply.lines[0] ?? "");
  assert.ok(parsed.ok);
  return parsed.statement;
}

/** What a new client is greeted with. */
function greeting(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1").on("error", reject);
    socket.once("data", (octets) => {
      resolve(octets.toString());
      socket.destroy();
    });
  });
}

/** A handshake, as clients of other makes do it. */
async function handshake(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
  socket.write("STLS\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  const secure = connectTls({
    socket,
    secureContext: roots,
    servername: "mx.someisp.test",
    ALPNProtocols: ["vsmtp-key"],
    ...options,
  });
  await new Promise<void>((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

async function newSession(): Promise<Buffer> {
  const secure = await handshake();
  const session = await new Promise<Buffer>((resolve) => secure.once("session", resolve));
  secure.destroy();
  return session;
}

async function isResumed(session: Buffer): Promise<boolean> {
  const secure = await handshake({ session });
  const resumed = secure.isSessionReused();
  secure.destroy();
  return resumed;
}

function soon(): AbortSignal {
  return AbortSignal.timeout(10_000);
}
