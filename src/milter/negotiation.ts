import type { MilterActions } from "./handler.ts";
import { DataReader, ended, number, packet } from "./packet.ts";
import {
  action,
  command,
  firstActions,
  firstProtocol,
  highestVersion,
  lowestVersion,
  macroStage,
  protocol,
} from "./protocol.ts";

/** What a mail server and this milter agreed upon. */
export interface Agreement {
  readonly version: number;
  readonly allows: MilterActions;
  /** Header values come, and are taken, with the space behind the colon. */
  readonly leadingSpace: boolean;
  /** Commands that are answered. */
  readonly answered: ReadonlySet<string>;
  /** The packet that tells the mail server. */
  readonly reply: Buffer;
}

const wantedActions =
  action.addHeaders | action.changeBody | action.changeHeaders | action.quarantine | action.setMacros;

const wantedProtocol =
  protocol.noUnknown |
  protocol.silentConnect |
  protocol.silentHelo |
  protocol.silentMail |
  protocol.silentUnknown |
  protocol.silentHeader |
  protocol.silentEndOfHeader |
  protocol.silentBody |
  protocol.leadingSpace;

/** Commands without answer where that is agreed. */
const silences: readonly (readonly [string, number])[] = [
  [command.connect, protocol.silentConnect],
  [command.helo, protocol.silentHelo],
  [command.mail, protocol.silentMail],
  [command.rcpt, protocol.silentRcpt],
  [command.unknown, protocol.silentUnknown],
  [command.header, protocol.silentHeader],
  [command.endOfHeader, protocol.silentEndOfHeader],
  [command.body, protocol.silentBody],
];

const tls = "{tls_version} {cipher} {cipher_bits} {verify} {cert_subject} {cert_issuer}";
/** Lists of a mail server's own are replaced by these: they hold what handlers ask, and what logs want to know. */
const macros: readonly (readonly [number, string])[] = [
  [macroStage.connect, "j _ v {daemon_name} {client_addr} {client_name} {client_port}"],
  [macroStage.helo, tls],
  [macroStage.mail, `i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer} ${tls}`],
  [macroStage.rcpt, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"],
  [macroStage.data, "i"],
  [macroStage.endOfHeader, "i"],
  [macroStage.endOfMessage, "i {msg_id}"],
];

/**
 * Answers a mail server's offer: all that is wanted of what it can.
 *
 * @param asksRcpt whether recipients are to be answered one by one
 * @returns or what is wrong with the offer
 */
export function negotiate(offer: Buffer, asksRcpt: boolean): Agreement | string {
  const reader = new DataReader(offer);
  const [version, actions, steps] = [reader.number(), reader.number(), reader.number()];
  if (version === null || actions === null || steps === null) return "an offer that is too short";
  if (version < lowestVersion) return `version ${version} of the protocol; ${lowestVersion} is the lowest`;
  const agreedVersion = Math.min(version, highestVersion);
  const agreedActions = (actions || firstActions) & wantedActions;
  const offered = steps || firstProtocol;
  let agreed = offered & wantedProtocol;
  if (!asksRcpt) agreed |= offered & protocol.silentRcpt;
  agreed |= offered & protocol.packets1M || offered & protocol.packets256K;
  const lists = agreedActions & action.setMacros ? macros : [];
  return {
    version: agreedVersion,
    allows: {
      addHeaders: (agreedActions & action.addHeaders) !== 0,
      changeHeaders: (agreedActions & action.changeHeaders) !== 0,
      changeBody: (agreedActions & action.changeBody) !== 0,
      quarantine: (agreedActions & action.quarantine) !== 0,
    },
    leadingSpace: (agreed & protocol.leadingSpace) !== 0,
    answered: new Set([
      command.data,
      command.endOfMessage,
      ...silences.filter(([, bit]) => (agreed & bit) === 0).map(([letter]) => letter),
    ]),
    reply: packet(
      command.negotiate,
      number(agreedVersion),
      number(agreedActions),
      number(agreed),
      ...lists.flatMap(([stage, names]) => [number(stage), ended(names)]),
    ),
  };
}
