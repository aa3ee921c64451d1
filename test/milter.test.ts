import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connectData, MilterClient } from "../src/milter/test-milter-client.ts";
import { createAuthority } from "./support/certificates.ts";
import { Installation } from "./support/installation.ts";
import { RunningProgram } from "./support/program.ts";

// `vsmtp milter` as a process of its own, beside settings that name other roles; a mail server's side of the protocol.

let installation: Installation;
let program: RunningProgram;
const socket = (): string => join(installation.folder, "milter.sock");

before(async () => {
  const authority = await createAuthority();
  installation = await Installation.create(
    "mail.here.test",
    authority,
    `roles = ["key-server"]
[milter]
listen = ["unix:milter.sock"]
login_domain = "here.test"
[neighbours]
enabled = false
[network]
resolvers = ["127.0.0.1:1"]
`,
  );
  await installation.command(["domain", "add", "here.test"]);
  await installation.command(["account", "add", "alice@here.test"]);
  program = new RunningProgram(["milter", "--config", join(installation.folder, "vsmtp.toml")]);
  await program.line(({ msg }) => msg === "started");
});
after(async () => {
  await program.stop("SIGKILL");
  await installation.stop();
});

/** A session of a mail server with a client, up to its envelope. */
async function session(queueId: string, login: string | null): Promise<MilterClient> {
  const client = await MilterClient.to({ path: socket() });
  await client.offer();
  client.say("C", "client.test", connectData("4", 2525, "192.0.2.1")).say("H", "client.test");
  if (login !== null) client.say("D", Buffer.from(`M{auth_authen}\0${login}\0{auth_type}\0PLAIN\0`));
  client.say("M", "<alice@here.test>").say("R", "<bob@dest.test>");
  return client.say("D", Buffer.from(`Ti\0${queueId}\0`)).say("T");
}

const fields = [
  ["From", " alice@here.test"],
  ["To", " bob@dest.test"],
  ["Bcc", " eve@dest.test"],
] as const;

test("it runs its own role only, at a socket for the mail server's group", async () => {
  const started = await program.line(({ msg }) => msg === "started");
  assert.deepEqual(started.roles, ["milter"]);
  assert.equal(statSync(socket()).mode & 0o777, 0o660);
});

test("a user's message is signed, others' is verified, and vsmtp log knows both by the ids in the log", async () => {
  const users = await session("4Bqw1", "alice");
  await users.hear();
  users.content(fields, "Hi Bob,\r\n");
  const told = await users.hearUntil("c", "a", "r", "t", "y");
  const [inserted, removed] = ["i", "m"].map((letter) => told.filter((answer) => answer.letter === letter));
  assert.ok(inserted?.some(({ data }) => data.toString("latin1", 4).startsWith("VSMTP-Signature\0")));
  assert.equal(removed?.[0]?.data.toString("latin1", 4), "Bcc\0\0");
  const signed = await program.line(({ queueId }) => queueId === "4Bqw1");
  assert.deepEqual([signed.msg, signed.identity, signed.proof], ["signed", "alice@here.test", "login"]);

  const others = await session("4Bqw2", null);
  await others.hear();
  const answers = await others.content(fields, "Hi Bob,\r\n").hearUntil("c", "a", "r", "t", "y");
  const results = answers.find(({ letter }) => letter === "i")?.data.toString("latin1", 4) ?? "";
  assert.match(results, /^Authentication-Results\0 ?mail\.here\.test;\s+vsmtp=none/);
  const verified = await program.line(({ queueId }) => queueId === "4Bqw2");

  for (const { id } of [signed, verified]) {
    assert.match(await installation.command(["log", "show", String(id)]), /4Bqw[12]/);
  }
  assert.match(await installation.command(["log", "search", "--direction", "out"]), /alice@here\.test/);
});

test("told to stop, it finishes what is under way, and no more", async () => {
  const idle = await MilterClient.to({ path: socket() });
  await idle.offer();
  const busy = await session("4Bqw3", "alice");
  await busy.hear();
  busy.say("L", "From", " alice@here.test").say("N").say("B", Buffer.from("Hi\r\n"));
  const stopped = program.stop();
  await program.line(({ msg }) => msg === "stopping");
  await idle.untilOver();
  busy.say("E");
  const told = await busy.hearUntil("c", "a", "r", "t", "y");
  assert.ok(told.some(({ data }) => data.includes("VSMTP-Signature")));
  await busy.untilOver();
  assert.equal(await stopped, 0);
  assert.equal(statSync(socket(), { throwIfNoEntry: false }), undefined);
});

test("who only verifies opens no key store", async (t) => {
  const verifier = await Installation.create(
    "mx.here.test",
    await createAuthority(),
    `roles = ["milter"]
[milter]
jobs = ["verify"]
listen = ["127.0.0.1:0"]
[network]
resolvers = ["127.0.0.1:1"]
`,
  );
  t.after(() => verifier.stop());
  await verifier.serve();
  const files = readdirSync(join(verifier.folder, "data"));
  assert.deepEqual(
    files.filter((name) => !name.startsWith("mail-log")),
    ["spool"],
  );
});
