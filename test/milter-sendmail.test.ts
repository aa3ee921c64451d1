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
});
