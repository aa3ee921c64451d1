import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { missingProgram, runClient } from "./support/client-program.ts";
import { type Login, type MailClient, mailClients } from "./support/mail-clients.ts";
import { SubmissionService } from "./support/submission-service.ts";

// Programs that people send mail with, at the submission server. Each has a private certificate authority to trust
// and checks the certificate: none is told to be lax.

const allice = "allice@someisp.test";
const boss = "boss@someisp.test";
const folder = mkdtempSync(join(tmpdir(), "vsmtp-clients-"));
let service: SubmissionService;

before(async () => {
  service = await SubmissionService.start({ [allice]: "secret", [boss]: "other secret" });
});
after(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true });
});

for (const client of mailClients) {
  const skip = missingProgram(client.program);

  test(`${client.name} submits on 465 and 587: queued signed, it passes (SUB-1, SUB-4)`, {
    skip,
  }, async () => {
    for (const tls of ["implicit", "starttls"] as const) {
      const message = `From: Allice <${allice}>\nTo: bob@dest.test, Dan <dan@third.test>\nSubject: Lunch?\n\nNoon?\n.\n..\n\tBye.\n`;
      const mail = { sender: allice, recipients: ["bob@dest.test", "dan@third.test"], message };
      const run = await client.send(login(tls), mail, folder);
      assert.equal(run.status, 0, run.output);
      const queued = await service.takeQueue();
      assert.deepEqual(
        queued.map(({ sender, recipients }) => [sender, ...recipients]),
        [
          [allice, "bob@dest.test"],
          [allice, "dan@third.test"],
        ],
      );
      for (const { text, verdict } of queued) {
        const { result, identity, align, rcpt, detail } = verdict;
        assert.deepEqual([result, identity, align, rcpt], ["pass", allice, "from", "match"], detail);
        assert.match(text, /^Received: .*\r\n(\s.*\r\n)*VSMTP-Signature: v=1; a=ed25519-sha256;/);
        assert.match(text, /^Date: .*, .*\r\nMessage-ID: <.*@someisp\.test>\r\nFrom: Allice </m);
        assert.match(text, /\r\n\r\nNoon\?\r\n\.\r\n\.\.\r\n\tBye\.\r\n(\r\n)*$/);
      }
    }
  });

  test(`${client.name} shows why it is refused: password, sender, author (SUB-1)`, { skip }, async () => {
    const wrong = { ...login("implicit"), password: "wrong" };
    await assertRefused(client, wrong, allice, allice, client.shows.wrongPassword);
    await assertRefused(client, login("starttls"), boss, allice, client.shows.foreignSender);
    await assertRefused(client, login("implicit"), allice, boss, client.shows.foreignFrom);
    await assertRefused(client, login("starttls"), allice, "allice@elsewhere.test", client.shows.foreignFrom);
  });

  const { noTls, untrusted } = client.shows;
  test(`${client.name} gets nowhere without TLS or with a certificate it does not trust`, {
    skip,
  }, async () => {
    if (noTls) await assertRefused(client, login("none"), allice, allice, noTls);
    for (const tls of ["implicit", "starttls"] as const) {
      await assertRefused(client, { ...login(tls), caFile: null }, allice, allice, untrusted);
    }
  });
}

test("Python's e-mail package: attachment, Bcc, 8-bit header in SMTPUTF8 (RCP-4, MSG-19)", {
  skip: missingProgram("python3"),
}, async () => {
  const script = `
import smtplib, ssl, sys
from email.message import EmailMessage
port, ca = int(sys.argv[1]), sys.argv[2]
message = EmailMessage()
message["From"] = "Allice Müller <${allice}>"
message["To"] = "bob@dest.test"
message["Bcc"] = "eve@dest.test"
message["Subject"] = "Grüße"
message.set_content("Schöne Grüße\\n" * 100, cte="8bit")
message.add_attachment(bytes(range(256)) * 1000, maintype="application", subtype="octet-stream", filename="ö.bin")
with smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=ca)) as server:
    server.login("${allice}", "secret")
    server.send_message(message)
    del message["To"]
    message["To"] = "jürgen@dest.test"
    server.send_message(message)
`;
  const run = await runClient("python3", ["-c", script, `${service.smtpsPort}`, service.caFile]);
  assert.equal(run.status, 0, run.output);
  const queued = await service.takeQueue();
  const addresses = queued.map(({ recipients }) => recipients.join());
  assert.deepEqual(addresses.sort(), ["bob@dest.test", "eve@dest.test", "eve@dest.test", "jürgen@dest.test"]);
  for (const { text, verdict } of queued) {
    assert.deepEqual([verdict.result, verdict.rcpt], ["pass", "match"], verdict.detail);
    assert.doesNotMatch(text, /^Bcc:/im);
  }
});

test("Python sends by BDAT, in two chunks, with DSN parameters: queued signed (MSG-6)", {
  skip: missingProgram("python3"),
}, async () => {
  const script = `
import smtplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
octets = b"From: ${allice}\\r\\nTo: bob@dest.test\\r\\nSubject: chunks\\r\\n\\r\\n.\\r\\n..two\\r\\n.\\r\\n"
with smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=ca)) as server:
    server.login("${allice}", "secret")
    assert server.has_extn("chunking") and server.has_extn("dsn")
    print(server.mail("${allice}", ["RET=HDRS", "ENVID=QQ+2B1"]))
    print(server.rcpt("bob@dest.test", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob@dest.test"]))
    server.send(b"BDAT 40\\r\\n" + octets[:40] + b"BDAT %d LAST\\r\\n" % len(octets[40:]) + octets[40:])
    for code, text in [server.getreply(), server.getreply()]:
        assert code == 250, text
`;
  const run = await runClient("python3", ["-c", script, `${service.smtpsPort}`, service.caFile]);
  assert.equal(run.status, 0, run.output);
  const [queued] = await service.takeQueue();
  assert.deepEqual([queued?.verdict.result, queued?.recipients], ["pass", ["bob@dest.test"]]);
  assert.match(queued?.text ?? "", /Subject: chunks\r\n\r\n\.\r\n\.\.two\r\n\.\r\n$/);
});

function login(tls: Login["tls"]): Login {
  const port = tls === "implicit" ? service.smtpsPort : service.submissionPort;
  return { tls, port, caFile: service.caFile, user: allice, password: "secret" };
}

async function assertRefused(
  client: MailClient,
  login: Login,
  sender: string,
  from: string,
  shown: RegExp,
): Promise<void> {
  const message = `From: ${from}\nTo: bob@dest.test\nSubject: no\n\nno\n`;
  const run = await client.send(login, { sender, recipients: ["bob@dest.test"], message }, folder);
  assert.notEqual(run.status, 0, run.output);
  assert.match(run.output, shown);
  assert.deepEqual(await service.takeQueue(), []);
}
