import { missingExim, startExim } from "./exim.ts";
import { startHaraka } from "./haraka.ts";
import { missingHaraka } from "./haraka-program.ts";
import { missingOpenSmtpd, startOpenSmtpd } from "./opensmtpd.ts";
import { missingPostfix, startPostfix } from "./postfix.ts";
import type { Relay, RelaySettings } from "./relay.ts";
import { missingSendmail, startSendmail } from "./sendmail.ts";

/** A mail server that tests can start, and what is known to end at it, by the names of hop-messages.ts. */
export interface RelayPeer {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly skip: string | false;
  start(settings: RelaySettings): Promise<Relay>;
  /** Refused by it: it offers no extension for them. */
  readonly takesNo: readonly string[];
  /** Taken by it, and passed on so that the next hop refuses them. */
  readonly spoils: readonly string[];
  /** False when clients cannot count on its STARTTLS, and so cannot log in either. */
  readonly tlsServer: boolean;
  /** It knows DSN (RFC 3461), and passes on what its parameters say. */
  readonly dsn: boolean;
}

const sound = { takesNo: [], spoils: [], tlsServer: true, dsn: true };

export const relayPeers: readonly RelayPeer[] = [
  { name: "Postfix", skip: missingPostfix(), start: startPostfix, ...sound },
  { name: "Exim", skip: missingExim(), start: startExim, ...sound },
  {
    name: "Sendmail",
    skip: missingSendmail(),
    start: startSendmail,
    takesNo: ["a UTF-8 address and header"], // Debian builds it without SMTPUTF8
    // It breaks lines of more than 990 octets.
    spoils: ["lines of 998 octets"],
    tlsServer: true,
    dsn: true,
  },
  {
    name: "OpenSMTPD",
    skip: missingOpenSmtpd(),
    start: startOpenSmtpd,
    takesNo: ["a UTF-8 address and header"], // it has no SMTPUTF8
    spoils: [],
    tlsServer: false,
    dsn: true,
  },
  {
    name: "Haraka",
    skip: missingHaraka(),
    start: startHaraka,
    takesNo: [],
    // It does not ask for SMTPUTF8 when recipients need it, and breaks lines of more than 992 octets.
    spoils: ["a UTF-8 address and header", "lines of 998 octets"],
    tlsServer: true,
    dsn: false,
  },
];
