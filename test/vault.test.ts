import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createTransport } from "nodemailer";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// A vault and two submission servers, each a process with a folder of its own: one beyond TLS in mode sign, one at a
// Unix socket in mode getkey.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-vault-"));
const vaultSettings = join(folder, "vault.toml");
const password = "correct horse";
const ports = { vault: 0, far: 0, near: 0 };
let vault: RunningProgram;
const submission: Record<"far" | "near", RunningProgram | null> = { far: null, near: null };

before(async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(["localhost"]);
  writeFileSync(join(folder, "ca.pem"), authority.cert);
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  [ports.vault = 0, ports.far = 0, ports.near = 0] = await freePorts(3);
  for (const user of ["bob", "allice"]) mkdirSync(join(folder, "mail", user), { recursive: true });
  writeFileSync(
    vaultSettings,
    `roles = ["vault"]
hostname = "vault.someisp.test"
data_directory = "vault-data"
[tls]
certificate = "cert.pem"
key = "key.pem"
[vault]
listen = ["127.0.0.1:${ports.vault}"]
socket_directory = "run"
`,
  );
  const far = `connect = "localhost:${ports.vault}", ca_file = "ca.pem", certificate = "mx1.crt", key = "mx1.key"`;
  const near = `connect = "unix:${join(folder, "run/near.sock")}", mode = "getkey"`;
  for (const [name, connection] of [
    ["far", far],
    ["near", near],
  ] as const) {
    writeFileSync(
      join(folder, `${name}.toml`),
      `roles = ["submission", "delivery"]
hostname = "${name}.someisp.test"
data_directory = "${name}-data"
[tls]
certificate = "cert.pem"
key = "key.pem"
[submission]
listen = [{ address = "127.0.0.1:${ports[name]}", tls = "implicit" }]
vault = { ${connection} }
[[domains]]
name = "dest.test"
maildir_root = "../mail"
[[domains]]
name = "someisp.test"
maildir_root = "../mail"
`,
    );
  }
});

after(async () => {
  for (const program of [submission.far, submission.near, vault]) await program?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("submission servers start before their vault is there, and tell users to try again (SUB-6)", async () => {
  await must(["domain", "add", "someisp.test"]);
  await must(["account", "add", "allice@someisp.test", "--password-file", "-"], `${password}\n`);
  await must(["enroll", "add", "mx1", "--all", "--assert", "--out", folder]);
  const user = `${process.getuid?.()}`;
  await must(["enroll", "add", "near", "--domain", "someisp.test", "--mode", "getkey", "--unix-user", user]);
  for (const name of ["far", "near"] as const) {
    submission[name] = await start(`${name}.toml`);
    await assert.rejects(send(name), /454 4\.7\.0/);
  }
});

test("enrolled, they log users in and sign; they have neither key store nor master key (PRV-1, PRV-2)", async () => {
  vault = await start("vault.toml");
  for (const name of ["far", "near"] as const) {
    await eventually(() => send(name));
    assert.match(newestMail("bob"), /^VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp\.test;/m);
    assert.deepEqual(
      readdirSync(join(folder, `${name}-data`)).filter((file) => !/^queue|^mail-log|^spool$/.test(file)),
      [],
    );
  }
  const audit = (await must(["audit", "list", "--json"])).stdout;
  const entries = audit.split("\n").filter((line) => line !== "");
  const uses = entries.map((line) => JSON.parse(line)).map(({ actor, action }) => `${actor} ${action}`);
  for (const use of ["ss:mx1 auth", "ss:mx1 sign", "ss:near getkey", "ss:near spend"])
    assert.ok(uses.includes(use), use);
  // One signature counts its recipients by itself; who signs with a borrowed key has to say how many there are.
  for (const use of ["ss:mx1 spend", "ss:near sign"]) assert.ok(!uses.includes(use), use);
});

test("a report is signed by the vault for whoever may ASSERT (PRV-9)", async () => {
  await send("far", "nobody@dest.test");
  await submission.far?.line((line) => line.msg === "reported");
  await eventually(async () => {
    assert.match(newestMail("allice"), /^VSMTP-Signature: v=1;.* i=mailer-daemon@someisp\.test;/m);
  });
  assert.match((await must(["account", "list"])).stdout, /mailer-daemon@someisp\.test/);
});

test("the vault is killed and comes back: no restart of anybody else (SUB-6)", async () => {
  await vault.stop("SIGKILL");
  await assert.rejects(send("far"), /454 4\.7\.0/);
  vault = await start("vault.toml");
  for (const name of ["far", "near"] as const) await eventually(() => send(name));
});

test("an enrolment that is removed ends its server's access (PRV-22, PRV-32)", async () => {
  await must(["enroll", "remove", "mx1"]);
  await vault.line((line) => line.msg === "enrolment-ended" && line.enrolment === "mx1");
  await assert.rejects(send("far"), /454 4\.7\.0/);
  await send("near");
  assert.equal(await vault.stop(), 0, vault.stderr);
});

async function start(settings: string): Promise<RunningProgram> {
  const program = new RunningProgram(["serve", "--config", join(folder, settings)]);
  try {
    await program.line((line) => line.msg === "started");
    return program;
  } catch (error) {
    await program.stop("SIGKILL");
    throw error;
  }
}

async function must(command: readonly string[], input = "") {
  const done = await vsmtp([...command, "--config", vaultSettings], input);
  assert.equal(done.status, 0, `${command.join(" ")}: ${done.stderr}`);
  return done;
}

async function send(by: "far" | "near", to = "bob@dest.test"): Promise<void> {
  const transport = createTransport({
    host: "127.0.0.1",
    port: ports[by],
    secure: true,
    auth: { user: "allice@someisp.test", pass: password },
    tls: { ca: readFileSync(join(folder, "ca.pem")), servername: "localhost" },
  });
  try {
    await transport.sendMail({ from: "allice@someisp.test", to, text: "Hi\n" });
    if (to.startsWith("bob")) await eventually(async () => void newestMail("bob"));
  } finally {
    transport.close();
  }
}

async function eventually(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function newestMail(user: string): string {
  const maildir = join(folder, "mail", user, "new");
  const names = readdirSync(maildir).sort();
  assert.ok(names.length > 0);
  return readFileSync(join(maildir, names.at(-1) ?? ""), "latin1");
}
