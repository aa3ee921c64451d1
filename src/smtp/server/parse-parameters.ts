import { type Mailbox, parseMailbox } from "../mailbox.ts";
import { type Reply, reply } from "../reply.ts";
import { decodeUtf8Xtext, isXtext } from "../xtext.ts";
import { parseEnvelopeId, parseNotify, parseOriginalRecipient, parseReturned } from "./dsn-parameters.ts";
import type { Notify } from "./handler.ts";
import type { OptionalExtension } from "./optional-extension.ts";

/** Parameters of a command. */
interface Parameters {
  /** Whether any was given: they are defined for EHLO sessions only. */
  readonly any: boolean;
  /** What has to be offered for them, each with a keyword that belongs to it. */
  readonly needs: ReadonlyMap<OptionalExtension, string> | null;
}

export interface MailParameters extends Parameters {
  /** SIZE (RFC 1870 §6); null when not given. */
  readonly declaredOctets: number | null;
  /** BODY (RFC 6152 §2). */
  readonly body: "7bit" | "8bitmime";
  /** SMTPUTF8 (RFC 6531 §3.4). */
  readonly smtputf8: boolean;
  /** REQUIRETLS (RFC 8689 §2). */
  readonly requireTls: boolean;
  /** RET (RFC 3461 §4.3); null when not given. */
  readonly returned: "full" | "headers" | null;
  /** ENVID (RFC 3461 §4.4); null when not given. */
  readonly envelopeId: string | null;
  /** AUTH (RFC 4954 §5), `unknown` for `<>` and what names nobody; null when not given. */
  readonly submitter: Mailbox | "unknown" | null;
}

export interface RcptParameters extends Parameters {
  /** NOTIFY (RFC 3461 §4.1); null when not given. */
  readonly notify: readonly Notify[] | null;
  /** ORCPT (RFC 3461 §4.2); null when not given. */
  readonly originalRecipient: string | null;
}

const noMailParameters: MailParameters = {
  any: false,
  needs: null,
  declaredOctets: null,
  body: "7bit",
  smtputf8: false,
  requireTls: false,
  returned: null,
  envelopeId: null,
  submitter: null,
};

const noRcptParameters: RcptParameters = { any: false, needs: null, notify: null, originalRecipient: null };

/** Parses what stands behind the reverse path: `*(SP keyword ["=" value])` (RFC 5321 §4.1.2). */
export function parseMailParameters(text: string): MailParameters | Reply {
  if (text === "") return noMailParameters;
  const pairs = parsePairs(text);
  if (!(pairs instanceof Map)) return pairs;
  const needs = new Map<OptionalExtension, string>();
  let { declaredOctets, body, smtputf8, requireTls, returned, envelopeId, submitter } = noMailParameters;
  for (const [keyword, value] of pairs) {
    switch (keyword) {
      case "SIZE":
        if (!/^\d{1,20}$/.test(value ?? "")) return bad("SIZE wants a number of octets");
        declaredOctets = Number(value);
        break;
      case "BODY":
        if (!/^(?:7BIT|8BITMIME)$/i.test(value ?? "")) return bad("BODY is 7BIT or 8BITMIME");
        needs.set("8BITMIME", keyword);
        body = value?.toUpperCase() === "8BITMIME" ? "8bitmime" : "7bit";
        break;
      case "SMTPUTF8":
        if (value !== null) return bad("SMTPUTF8 takes no value");
        needs.set("SMTPUTF8", keyword);
        smtputf8 = true;
        break;
      case "REQUIRETLS":
        if (value !== null) return bad("REQUIRETLS takes no value");
        needs.set("REQUIRETLS", keyword);
        requireTls = true;
        break;
      case "RET": {
        const parsed = parseReturned(value ?? "");
        if (!parsed.ok) return bad(parsed.detail);
        needs.set("DSN", keyword);
        returned = parsed.value;
        break;
      }
      case "ENVID": {
        const parsed = parseEnvelopeId(value ?? "");
        if (!parsed.ok) return bad(parsed.detail);
        needs.set("DSN", keyword);
        envelopeId = parsed.value;
        break;
      }
      case "AUTH":
        // RFC 4954 §5: who submitted the message elsewhere. Whether that counts is not said here.
        if (value !== "<>" && !isXtext(value ?? "")) return bad("AUTH wants xtext or <>");
        submitter = parseSubmitter(decodeUtf8Xtext(value ?? "") ?? "");
        break;
      default:
        return unknownParameter(keyword);
    }
  }
  return { any: true, needs, declaredOctets, body, smtputf8, requireTls, returned, envelopeId, submitter };
}

/** Parses what stands behind the forward path. */
export function parseRcptParameters(text: string): RcptParameters | Reply {
  if (text === "") return noRcptParameters;
  const pairs = parsePairs(text);
  if (!(pairs instanceof Map)) return pairs;
  const needs = new Map<OptionalExtension, string>();
  let { notify, originalRecipient } = noRcptParameters;
  for (const [keyword, value] of pairs) {
    switch (keyword) {
      case "NOTIFY": {
        const parsed = parseNotify(value ?? "");
        if (!parsed.ok) return bad(parsed.detail);
        notify = parsed.value;
        break;
      }
      case "ORCPT": {
        const parsed = parseOriginalRecipient(value ?? "");
        if (!parsed.ok) return bad(parsed.detail);
        originalRecipient = parsed.value;
        break;
      }
      default:
        return unknownParameter(keyword);
    }
    needs.set("DSN", keyword);
  }
  return { any: true, needs, notify, originalRecipient };
}

/** Servers that put a login's name there, though it is no address, mean somebody, too. */
function parseSubmitter(text: string): Mailbox | "unknown" {
  const name = /^[\w.+-]{1,64}$/.test(text) ? { text, localPart: text, domain: "", ascii: true } : null;
  return parseMailbox(text) ?? name ?? "unknown";
}

function parsePairs(text: string): Map<string, string | null> | Reply {
  if (!text.startsWith(" ")) return bad("A space stands between address and parameters");
  const pairs = new Map<string, string | null>();
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const found = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\x00-\x20\x7f]+))?$/.exec(word);
    if (found === null) return bad("Malformed parameter");
    const keyword = (found[1] as string).toUpperCase();
    if (pairs.has(keyword)) return bad(`${keyword} is given twice`);
    pairs.set(keyword, found[2] ?? null);
  }
  return pairs;
}

function bad(text: string): Reply {
  return reply(501, "5.5.4", text);
}

/** RFC 5321 §4.1.1.11. */
export function unknownParameter(keyword: string): Reply {
  return reply(555, "5.5.4", `Parameter ${keyword} is not supported`);
}
