import { milterSuite } from "./support/milter-suite.ts";
import { missingSendmail } from "./support/peers/sendmail.ts";
import { startSendmailHost } from "./support/peers/sendmail-host.ts";

// The same in real Sendmail.

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
