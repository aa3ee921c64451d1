import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { Installation } from "./support/installation.ts";
import { MailSink } from "./support/mail-sink.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { makePostfixFolder, startPostfixMaster } from "./support/peers/postfix-master.ts";
import { RunningProgram } from "./support/program.ts";

// The lines of docs/milter.md, as they stand there but for the folders, in a real Postfix.

const page = readFileSync(join(import.meta.dirname, "../docs/milter.md"), "utf8");

/** The blocks that begin with the name of this file. */
function blocksOf(file: string): string[] {
  const blocks = [...page.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  const found = blocks.filter((text) => text.startsWith(`# ${file}`));
  assert.ok(found.length > 0, `${file} is on the page`);
  return found;
}

test("Postfix knows every parameter on the page", { skip: missingPostfix() }, () => {
  const folder = makePostfixFolder();
  for (const block of blocksOf("/etc/postfix/main.cf")) {
    writeFileSync(
      join(folder, "etc/main.cf"),
      `compatibility_level = 3.6\nmyhostname = mx1.example.org\n${block}`,
    );
    writeFileSync(join(folder, "etc/master.cf"), "");
    const command = `/usr/sbin/postconf -c ${join(folder, "etc")} -n 2>&1`;
    const said = execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" });
    assert.doesNotMatch(said, /warning/, block);
  }
});

test("what programs of the host submit is signed, as whom Postfix lets them", {
  skip: missingPostfix(),
}, async (t) => {
  const sink = new MailSink();
  await sink.listen();
  t.after(() => sink.close());
  const [settings = ""] = blocksOf("/etc/vsmtp/local.toml");
  const installation = await Installation.create(
    "mx1.example.org",
    await createAuthority(),
    settings.replace(/^hostname.*$/m, "").replace("[milter]", '[milter]\nlisten = ["unix:milter.sock"]'),
  );
  const socket = join(installation.folder, "milter.sock");
  for (const command of ["domain add example.org", "account add postmaster@example.org"]) {
    await installation.command(command.split(" "));
  }
  const milter = new RunningProgram(["milter", "--config", join(installation.folder, "vsmtp.toml")]);
  await milter.line(({ msg }) => msg === "started");
  for (const path of [installation.folder, socket]) chmodSync(path, 0o777); // Postfix's own user is in no group of ours
  const [port = 0] = await freePorts(1);
  const folder = makePostfixFolder();
  const etc = join(folder, "etc");
  const [first, local] = blocksOf("/etc/postfix/main.cf");
  const mainCf = `${first}${local}`
    .replaceAll("/etc/postfix", etc)
    .replace("unix:vsmtp/milter.sock", `unix:${socket}`);
  writeFileSync(join(etc, "local_senders"), blocksOf("/etc/postfix/local_senders")[0] ?? "");
  // Postfix compares the whole sender, which of a program that says nothing is the user's name alone.
  const senders = ["-q", "alice", `regexp:${join(etc, "local_senders")}`];
  assert.equal(execFileSync("/usr/sbin/postmap", senders, { encoding: "utf8" }), "alice alice@example.org\n");
  const postfix = await startPostfixMaster({
    folder,
    settings: `myhostname = mx1.example.org\n${mainCf}\nrelayhost = [127.0.0.1]:${sink.port}\n`,
    listeners: `127.0.0.1:${port} inet n - n - - smtpd -o smtpd_sender_login_maps=\n`,
    ports: [port], // it is ready when this answers
  });
  t.after(async () => {
    await postfix.stop();
    await milter.stop();
    await installation.stop();
  });
  execFileSync("/usr/sbin/sendmail", ["-C", etc, "-i", "-f", "root@mx1.example.org", "bob@dest.test"], {
    input: "From: postmaster@example.org\nTo: bob@dest.test\nSubject: cron\n\nAll is well.\n",
  });
  const message = String((await sink.take(["bob@dest.test"])).get("bob@dest.test"));
  assert.match(message, /^VSMTP-Signature: v=1;.* i=postmaster@example\.org;/m, postfix.log());
});
