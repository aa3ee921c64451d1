/** What an enhanced status code means, in words for whoever wrote the message. */
export interface PlainReason {
  /** What happened: a sentence. */
  readonly what: string;
  /** What to do about it: a sentence or two. */
  readonly advice: string;
}

const SPELLING = "Check the spelling of the address.";
const ASK = "Ask the recipient in another way, by telephone perhaps.";
const LATER = "Send the message again later.";
const SMALLER = "Send less at a time, or put large files where the recipient can fetch them.";
const THEIRS =
  "Only those who run that mail system can mend this: tell them, or send this report to your postmaster.";
const OURS = "Send this report to your postmaster.";
const BLOCKED =
  "The other server's words below may say why. If they do not help, ask the recipient in another way, or send this report to your postmaster.";

const UNPROVED: PlainReason = {
  what: "The recipient's mail system missed a proof of where the message comes from.",
  advice: OURS,
};

/** By subject and detail of RFC 3463 §3 and the registry of RFC 5248; the class says only whether it may pass. */
const reasons: Readonly<Record<string, PlainReason>> = {
  "1": { what: "There is something wrong with the recipient's address.", advice: SPELLING },
  "1.1": { what: "There is no such mailbox.", advice: `${SPELLING} The recipient may have another one now.` },
  "1.2": { what: "There is no such mail domain: its host was not found.", advice: SPELLING },
  "1.3": { what: "The address is not written as addresses are.", advice: SPELLING },
  "1.4": { what: "The address fits several recipients.", advice: SPELLING },
  "1.6": { what: "The recipient has moved and left no new address.", advice: ASK },
  "1.7": { what: "The other server does not take your address as the sender's.", advice: OURS },
  "1.8": { what: "The other server does not find the domain of your address.", advice: OURS },
  "1.10": { what: "The recipient's domain takes no mail.", advice: SPELLING },
  "2": { what: "There is something wrong with the recipient's mailbox.", advice: ASK },
  "2.1": { what: "The recipient's mailbox is closed.", advice: ASK },
  "2.2": {
    what: "The recipient's mailbox is full.",
    advice: `Ask the recipient in another way to make room. ${LATER}`,
  },
  "2.3": { what: "The message is too large for the recipient's mailbox.", advice: SMALLER },
  "2.4": { what: "The mailing list could not be expanded.", advice: THEIRS },
  "3": { what: "The recipient's mail system had a fault of its own.", advice: `${LATER} ${THEIRS}` },
  "3.1": { what: "The recipient's mail system has no room left.", advice: LATER },
  "3.2": { what: "The recipient's mail system takes no mail at the moment.", advice: LATER },
  "3.3": { what: "The recipient's mail system lacks something that this message needs.", advice: THEIRS },
  "3.4": { what: "The message is too large for the recipient's mail system.", advice: SMALLER },
  "4": { what: "The recipient's mail system could not be reached.", advice: `${SPELLING} ${LATER}` },
  "4.1": { what: "The recipient's mail server could not be reached: it did not answer.", advice: LATER },
  "4.2": { what: "The connection to the recipient's mail server broke off.", advice: LATER },
  "4.3": {
    what: "Where the recipient's mail server is could not be looked up.",
    advice: `${SPELLING} ${LATER}`,
  },
  "4.4": { what: "The recipient's mail domain names no server that could be reached.", advice: SPELLING },
  "4.5": { what: "The recipient's mail server is overloaded.", advice: LATER },
  "4.6": { what: "The message would have gone round in circles.", advice: OURS },
  "4.7": { what: "It could not be delivered in time.", advice: LATER },
  "5": { what: "The mail servers did not understand each other.", advice: OURS },
  "5.3": { what: "The message has too many recipients.", advice: "Send it to fewer at a time." },
  "6": { what: "The recipient's mail system cannot take the message in this form.", advice: OURS },
  "6.7": {
    what: "The recipient's mail system does not take addresses with letters outside ASCII.",
    advice: "Ask the recipient for an address in plain letters, or write from one.",
  },
  "7": { what: "The recipient's mail system refused the message for its policy.", advice: BLOCKED },
  "7.1": {
    what: "The recipient's mail system refused the message, as spam or for its policy.",
    advice: BLOCKED,
  },
  "7.2": {
    what: "You may not write to this mailing list.",
    advice: "Ask those who run the list for leave to write to it.",
  },
  "7.4": { what: "A security feature that the message needs is not there.", advice: OURS },
  "7.5": { what: "The connection could not be secured (TLS), and must be.", advice: THEIRS },
  "7.10": {
    what: "The recipient's mail system takes mail over secured connections (TLS) only.",
    advice: OURS,
  },
  "7.13": { what: "The account was suspended or removed, or its key revoked.", advice: OURS },
  "7.17": { what: "The mailbox has another owner now.", advice: ASK },
  // RFC 7372: what the other server missed of SPF, DKIM or the name of our host.
  ...Object.fromEntries(
    ["7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26"].map((code) => [code, UNPROVED]),
  ),
  "7.27": { what: "The recipient's mail system does not take your domain as a sender's.", advice: OURS },
  "7.28": { what: "The recipient's mail system takes no more of your mail for now.", advice: LATER },
  "7.30": {
    what: "You asked for secured connections (TLS) all the way, and the next server cannot promise that.",
    advice: "Send the message again without that wish, if you may.",
  },
};

const UNKNOWN: PlainReason = {
  what: "The recipient's mail system did not take the message.",
  advice: "The other server's words below may say why.",
};

/** @param enhanced RFC 3463: `5.1.1` */
export function plainReason(enhanced: string): PlainReason {
  const [, subject = "", detail = ""] = enhanced.split(".");
  return reasons[`${subject}.${detail}`] ?? reasons[subject] ?? UNKNOWN;
}
