import type { MilterAnswer, MilterReply } from "./handler.ts";
import { ended, packet } from "./packet.ts";
import { answer } from "./protocol.ts";

/** What a milter says when something failed on its side. */
export const localError: MilterAnswer = {
  kind: "refuse",
  reply: { code: 451, enhanced: "4.3.0", text: "Local error, try again later" },
};

export const continuePacket = packet(answer.continue);
export const progressPacket = packet(answer.progress);
const acceptPacket = packet(answer.accept);
const discardPacket = packet(answer.discard);

/** Sendmail has lines of 980 octets; SMTP of 512 (RFC 5321 §4.5.3.1.5). */
const replyOctets = 480;
const reasonOctets = 200;

/** @throws RangeError for a reply that is none */
export function answerPacket(given: MilterAnswer): Buffer {
  switch (given.kind) {
    case "continue":
      return continuePacket;
    case "accept":
      return acceptPacket;
    case "discard":
      return discardPacket;
    case "refuse":
      return replyPacket(given.reply);
  }
}

function replyPacket({ code, enhanced, text }: MilterReply): Buffer {
  const found = /^([45])\.\d{1,3}\.\d{1,3}$/.exec(enhanced);
  if (!Number.isInteger(code) || code < 400 || code > 599 || found?.[1] !== String(code)[0]) {
    throw new RangeError(`${code} ${enhanced} is no reply that a milter can give`);
  }
  const line = `${code} ${enhanced} ${printable(text)}`.slice(0, replyOctets);
  // Sendmail takes the text for a format, and Postfix does as if.
  return packet(answer.replyCode, ended(line.replaceAll("%", "%%")));
}

/** Keeps a message from its recipients. */
export function quarantinePacket(reason: string): Buffer {
  return packet(answer.quarantine, ended(printable(reason).slice(0, reasonOctets) || "quarantined"));
}

function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}
