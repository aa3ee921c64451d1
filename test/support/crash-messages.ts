import { randomBytes, randomInt } from "node:crypto";

/** What a client sends in the crash test. */
export interface CrashMessage {
  readonly sender: string;
  readonly token: string;
  readonly recipients: readonly string[];
  readonly octets: Buffer;
}

/** Nobody listens there: what is sent there goes back when an operator wants it to. */
export const deadDomain = "dead.test";
/** Somebody listens there now and then. */
export const lateDomain = "late.test";

/** Whose keys stay. */
export const steady = "allice@someisp.test";
/** Whose key is replaced as after a theft now and then: what it signed is held. */
export const rekeyed = "carol@someisp.test";

let sent = 0;

/** Small and large ones, to one domain or several, some to recipients that do not exist or are not taken at first. */
export function crashMessage(sender: string): CrashMessage {
  const token = `T${(sent++).toString(36)}x${randomBytes(6).toString("hex")}T`;
  const recipients = [`a-${token}@dest.test`];
  const kind = randomInt(12);
  if (kind < 2) recipients.push(`b-${token}@dest.test`, `c-${token}@other.test`, `d-${token}@third.test`);
  else if (kind === 2) recipients.push(`nobody-${token}@dest.test`);
  else if (kind === 3) recipients.push(`later-${token}@dest.test`);
  else if (kind === 4) recipients.push(`e-${token}@${deadDomain}`);
  else if (kind === 5) recipients.push(`f-${token}@${lateDomain}`);
  const lines = kind === 6 ? 6_000 : randomInt(1, 60);
  const body = Array.from({ length: lines }, () => randomBytes(48).toString("base64"));
  const header = [
    `From: ${sender}`,
    `To: ${recipients[0]}`,
    `Subject: ${token}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${token}@someisp.test>`,
  ];
  return { sender, token, recipients, octets: Buffer.from([...header, "", ...body, ""].join("\r\n")) };
}

/** Whether its sender has to hear that a recipient never gets it. */
export function isLost(recipient: string): boolean {
  return recipient.startsWith("nobody-") || recipient.endsWith(`@${deadDomain}`);
}

/** Of a message, or of the one that a report is about. */
export function tokenOf(octets: Buffer): string {
  return /T[0-9a-z]+x[0-9a-f]{12}T/.exec(octets.toString("latin1"))?.[0] ?? "";
}

export function messageIdOf(octets: Buffer): string {
  return /^Message-ID:\s*(\S+)/im.exec(octets.toString("latin1", 0, 20_000))?.[1] ?? "";
}
