import { type Reply, reply } from "../reply.ts";

/** The parameters of MAIL that this server announces. */
export interface MailParameters {
  /** SIZE (RFC 1870 §6); null when not given. */
  readonly declaredOctets: number | null;
  /** BODY (RFC 6152 §2). */
  readonly body: "7bit" | "8bitmime";
  /** SMTPUTF8 (RFC 6531 §3.4). */
  readonly smtputf8: boolean;
  /** Whether any was given: they are defined for EHLO sessions only. */
  readonly any: boolean;
}

const none: MailParameters = { declaredOctets: null, body: "7bit", smtputf8: false, any: false };

/** Parses what stands behind the reverse path: `*(SP keyword ["=" value])` (RFC 5321 §4.1.2). */
export function parseMailParameters(text: string): MailParameters | Reply {
  if (text === "") return none;
  const pairs = parsePairs(text);
  if (!(pairs instanceof Map)) return pairs;
  let { declaredOctets, body, smtputf8 } = none;
  for (const [keyword, value] of pairs) {
    switch (keyword) {
      case "SIZE":
        if (!/^\d{1,20}$/.test(value ?? "")) return bad("SIZE wants a number of octets");
        declaredOctets = Number(value);
        break;
      case "BODY":
        if (!/^(?:7BIT|8BITMIME)$/i.test(value ?? "")) return bad("BODY is 7BIT or 8BITMIME");
        body = value?.toUpperCase() === "8BITMIME" ? "8bitmime" : "7bit";
        break;
      case "SMTPUTF8":
        if (value !== null) return bad("SMTPUTF8 takes no value");
        smtputf8 = true;
        break;
      case "AUTH":
        // RFC 4954 §5: who submitted the message elsewhere. Its syntax is checked and no trust put in it.
        if (!/^(?:<>|(?:[!-*,-<>-~]|\+[0-9A-F]{2})+)$/.test(value ?? ""))
          return bad("AUTH wants xtext or <>");
        break;
      default:
        return unknown(keyword);
    }
  }
  return { declaredOctets, body, smtputf8, any: pairs.size > 0 };
}

/** RCPT: no extension that is announced defines a parameter for it. */
export function refuseParameters(text: string): Reply | null {
  if (text === "") return null;
  const pairs = parsePairs(text);
  if (!(pairs instanceof Map)) return pairs;
  for (const keyword of pairs.keys()) return unknown(keyword);
  return null;
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
function unknown(keyword: string): Reply {
  return reply(555, "5.5.4", `Parameter ${keyword} is not supported`);
}
