import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTransport } from "nodemailer";
import { createAuthority } from "./support/certificates.ts";
import { MailSink } from "./support/mail-sink.ts";
import { author, straight } from "./support/milter-sites.ts";
import { letter, milterSuite } from "./support/milter-suite.ts";
import { missingSendmail, startSendmail } from "./support/peers/sendmail.ts";
import { startSendmailHost } from "./support/peers/sendmail-host.ts";
import { ProviderHere } from "./support/provider-here.ts";

// Our milter in real Sendmail, beside OpenDKIM and rspamd.

milterSuite({
  name: "Sendmail",
  skip: missingSendmail(),
  start: startSendmailHost,
  cannot: [
    "a UTF-8 address and header", // Debian builds it without SMTPUTF8
  ],
  loses: [
    // An address at localhost, which is each server's own name: it writes its full one.
    "ruby-mail/plain_emails__raw_email_multiple_from.eml",
    "ruby-mail/rfc2822__example13.eml",
    "ruby-mail/rfc2822__example13.eml (the message)",
    "a covered field in lines of 998 octets", // without a blank where it could be folded
  ],
});

test("Sendmail with the lines of docs/milter.md has signed what programs of its host submit", {
  skip: missingSendmail(),
}, async (t) => {
  const page = readFileSync(join(import.meta.dirname, "../docs/milter.md"), "utf8");
  const [, lines = ""] = /^dnl \/etc\/mail\/sendmail\.mc\n(.*?)^```$/ms.exec(page) ?? [];
  const [, relays = ""] = /`(relays = \[\{ networks = \["127\.0\.0\.1"\][^`]*)`/.exec(page) ?? [];
  // Sendmail opens no socket below a folder that everybody may write to, such as the temporary one.
  const folder = mkdtempSync("/run/vsmtp-test-");
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "milter.sock");
  const milter = await ProviderHere.start(
    "mail.someisp.test",
    `roles = ["milter"]\n[milter]\nlisten = ["unix:${socket}"]\n${relays}\n`,
    { authority: await createAuthority(), dnsPort: 1, places: new Map() },
  );
  t.after(() => milter.stop());
  await milter.keyring.addDomain("someisp.test");
  await milter.keyring.addAccount({ address: author });
  const sink = new MailSink();
  await sink.listen();
  t.after(() => sink.close());
  const sendmail = await startSendmail(
    { nextHops: { [straight]: sink.port } },
    lines.replaceAll("/run/vsmtp/milter.sock", socket),
  );
  t.after(() => sendmail.stop());
  const recipient = `local@${straight}`;
  const client = createTransport({ host: "127.0.0.1", port: sendmail.plainPort, ignoreTLS: true });
  await client.sendMail({ raw: letter(recipient), envelope: { from: author, to: recipient } });
  const message = (await sink.take([recipient])).get(recipient)?.toString("latin1") ?? sendmail.log();
  assert.match(message, /^VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp\.test;/m);
});
