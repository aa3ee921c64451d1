import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { missingProgram, runClient } from "./support/client-program.ts";
import { type Login, mailClients } from "./support/mail-clients.ts";
import { SubmissionService } from "./support/submission-service.ts";

// Where programs that people send mail with go to the edges of submission: large messages, UTF-8 in addresses,
// commands that do not wait for replies.

const allice = "allice@someisp.test";
const folder = mkdtempSync(join(tmpdir(), "vsmtp-extensions-"));
let service: SubmissionService;
let login: Login;

before(async () => {
  service = await SubmissionService.start({ [allice]: "secret" });
  const { submissionPort: port, caFile } = service;
  login = { tls: "starttls", port, caFile, user: allice, password: "secret" };
});
after(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true });
});

/** A person at a terminal types no megabytes. */
const programs = mailClients.filter(({ program }) => program !== "openssl");

for (const client of programs) {
  test(`${client.name} submits 5 MiB`, { skip: missingProgram(client.program) }, async () => {
    const body = `${"0123456789abcdef".repeat(4)}\n`.repeat(80_000);
    const message = `From: ${allice}\nTo: bob@dest.test\nSubject: large\n\n${body}`;
    const run = await client.send(login, { sender: allice, recipients: ["bob@dest.test"], message }, folder);
    assert.equal(run.status, 0, run.output.slice(-2000));
    const [mail, ...more] = await service.takeQueue();
    assert.ok(mail && more.length === 0);
    assert.equal(mail.verdict.result, "pass", mail.verdict.detail);
    assert.ok(mail.text.trimEnd().endsWith(`\r\n\r\n${body.replaceAll("\n", "\r\n")}`.trimEnd()));
  });
}

// swaks has no SMTPUTF8, msmtp asks for it for senders only.
for (const client of programs.filter(({ program }) => program !== "swaks" && program !== "msmtp")) {
  test(`${client.name} submits to a UTF-8 address (SMTPUTF8)`, {
    skip: missingProgram(client.program),
  }, async () => {
    const recipients = ["jürgen@dest.test"];
    const message = `From: ${allice}\nTo: jürgen@dest.test\nSubject: Grüße\n\nHi\n`;
    const run = await client.send(login, { sender: allice, recipients, message }, folder);
    assert.equal(run.status, 0, run.output);
    const [mail, ...more] = await service.takeQueue();
    assert.ok(mail && more.length === 0);
    assert.deepEqual(mail.recipients, recipients);
    assert.deepEqual([mail.verdict.result, mail.verdict.rcpt], ["pass", "match"], mail.verdict.detail);
  });
}

test("swaks submits with its commands in one piece (PIPELINING)", {
  skip: missingProgram("swaks"),
}, async () => {
  const envelope = ["--from", allice, "--to", "bob@dest.test,dan@dest.test", "--header", `From: ${allice}`];
  const place = ["--server", "localhost", "--port", `${login.port}`, "--tls", "--pipeline"];
  const run = await runClient("swaks", [
    ...place,
    "--auth-user",
    allice,
    "--auth-password",
    "secret",
    ...envelope,
  ]);
  assert.equal(run.status, 0, run.output);
  assert.match(run.output, / ~> MAIL FROM:.*\n ~> RCPT TO:.*\n ~> RCPT TO:.*\n ~> DATA\n<~ /);
  const mails = await service.takeQueue();
  assert.deepEqual(mails.flatMap(({ recipients }) => recipients).sort(), ["bob@dest.test", "dan@dest.test"]);
  for (const { verdict } of mails) assert.equal(verdict.result, "pass", verdict.detail);
});

test("Python's smtplib says what its user wants to hear of the mail (DSN)", {
  skip: missingProgram("python3"),
}, async () => {
  const script = `
import smtplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
with smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=ca)) as server:
    server.login("${allice}", "secret")
    message = "From: ${allice}\\r\\nTo: bob@dest.test\\r\\n\\r\\nHi\\r\\n"
    of_recipient = ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Bob+2Bx@dest.test"]
    server.sendmail("${allice}", ["bob@dest.test"], message, ["RET=HDRS", "ENVID=a+2Bb"], of_recipient)
`;
  const run = await runClient("python3", ["-c", script, `${service.smtpsPort}`, service.caFile]);
  assert.equal(run.status, 0, run.output);
  const [mail] = await service.takeQueue();
  const orcpt = "rfc822;Bob+2Bx@dest.test";
  const wanted = {
    returned: "headers",
    envelopeId: "a+2Bb",
    notify: ["success", "delay"],
    originalRecipient: orcpt,
  };
  assert.deepEqual(mail?.dsn, wanted);
});

test("msmtp says what its user wants to hear of the mail (DSN)", {
  skip: missingProgram("msmtp"),
}, async () => {
  const run = await runClient(
    "msmtp",
    [
      ["--host=localhost", `--port=${service.submissionPort}`, "--auth=plain", `--user=${allice}`],
      ["--passwordeval=echo secret", `--from=${allice}`, "--tls=on", `--tls-trust-file=${service.caFile}`],
      ["--dsn-notify=failure,success", "--dsn-return=full", "--", "bob@dest.test"],
    ].flat(),
    `From: ${allice}\nTo: bob@dest.test\n\nHi\n`,
  );
  assert.equal(run.status, 0, run.output);
  const [mail] = await service.takeQueue();
  const wanted = {
    returned: "full",
    envelopeId: null,
    notify: ["failure", "success"],
    originalRecipient: null,
  };
  assert.deepEqual(mail?.dsn, wanted);
});

test("Python hands a message in by pieces, cut anywhere (BDAT)", {
  skip: missingProgram("python3"),
}, async () => {
  const script = `
import smtplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
message = b"From: ${allice}\\r\\nTo: bob@dest.test\\r\\n\\r\\n.\\r\\n..\\r\\nNoon?\\r\\n.\\r\\nend\\r\\n"
with smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=ca)) as server:
    server.login("${allice}", "secret")
    assert server.has_extn("CHUNKING")
    for size in 1, 7, len(message):
        server.mail("${allice}")
        server.rcpt("bob@dest.test")
        for at in range(0, len(message), size):
            piece = message[at:at + size]
            server.send(b"BDAT %d\\r\\n" % len(piece) + piece)
            assert server.getreply()[0] == 250
        server.send(b"BDAT 0 LAST\\r\\n")
        assert server.getreply()[0] == 250
`;
  const run = await runClient("python3", ["-c", script, `${service.smtpsPort}`, service.caFile]);
  assert.equal(run.status, 0, run.output);
  const mails = await service.takeQueue();
  assert.equal(mails.length, 3);
  for (const { text, verdict } of mails) {
    assert.equal(verdict.result, "pass", verdict.detail);
    assert.ok(text.endsWith("\r\n\r\n.\r\n..\r\nNoon?\r\n.\r\nend\r\n"));
  }
});
