import { type Mailbox, parsePath } from "../mailbox.ts";
import { type Reply, reply } from "../reply.ts";
import { authOctets, commandOctets, pathCommandOctets } from "./limits.ts";
import { isHeloName } from "./parse-identity.ts";
import {
  type MailParameters,
  parseMailParameters,
  parseRcptParameters,
  type RcptParameters,
} from "./parse-parameters.ts";

/** A command of the client, its syntax checked (RFC 5321 §4.1.1); `wrong` carries the answer to one that is not. */
export type Command =
  | { readonly verb: "EHLO" | "HELO"; readonly name: string }
  | { readonly verb: "MAIL"; readonly reversePath: Mailbox | null; readonly parameters: MailParameters }
  | { readonly verb: "RCPT"; readonly recipient: Mailbox; readonly parameters: RcptParameters }
  | { readonly verb: "BDAT"; readonly octets: number; readonly last: boolean }
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initial: string | null }
  /** Parsed once the client is known to be one that may say it. */
  | { readonly verb: "XCLIENT" | "XFORWARD"; readonly argument: string }
  | { readonly verb: "DATA" | "RSET" | "QUIT" | "STARTTLS" | "NOOP" | "HELP" | "VRFY" | "EXPN" }
  | { readonly verb: "wrong"; readonly reply: Reply }
  /** HTTP requests, and BDAT that says no size: what follows is content, which must never be read as commands. */
  | { readonly verb: "foreign"; readonly reply: Reply };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses one command line, given without its CRLF. */
export function parseCommand(line: Buffer): Command {
  let text = line.toString("latin1");
  const verb = /^[A-Za-z]{4,8}(?=$| )/.exec(text)?.[0].toUpperCase() ?? "";
  if (verb === "BDAT") return parseBdat(text);
  if (line.length + 2 > lineLimit(verb)) return wrong(500, "5.5.2", "Line too long");
  if (/[^\x20-\x7e]/.test(text)) {
    if (/[\0-\x1f\x7f]/.test(text)) return wrong(500, "5.5.2", "Control characters are not allowed");
    try {
      text = utf8.decode(line);
    } catch {
      return wrong(500, "5.5.2", "Not valid UTF-8");
    }
    // RFC 6531 §3.3 widens paths only. VRFY and EXPN are answered without looking at their argument.
    if (!/^(?:MAIL|RCPT|VRFY|EXPN)$/.test(verb)) return wrong(501, "5.5.2", "Non-ASCII is not allowed here");
  }
  // RFC 5321 §4.1.1: trailing white space before CRLF is tolerated.
  const argument = text.slice(verb.length + 1).trimEnd();
  switch (verb) {
    case "EHLO":
    case "HELO":
      return parseHello(verb, argument);
    case "MAIL":
      return parseMail(argument);
    case "RCPT":
      return parseRcpt(argument);
    case "AUTH":
      return parseAuth(argument);
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      // RFC 5321 §4.1.1.4–10, RFC 3207 §4: no parameters.
      return argument === "" ? { verb } : wrong(501, "5.5.4", `${verb} takes no parameters`);
    case "XCLIENT":
    case "XFORWARD":
      return { verb, argument };
    case "NOOP":
    case "HELP":
      return { verb };
    case "VRFY":
    case "EXPN":
      return argument === "" ? wrong(501, "5.5.4", `Syntax: ${verb} name`) : { verb };
    default:
      return parseUnknown(text);
  }
}

/** Of XCLIENT and XFORWARD 512 octets are said to be the most, but two of their values may have 255 each. */
const longVerbs: ReadonlySet<string> = new Set(["MAIL", "RCPT", "XCLIENT", "XFORWARD"]);

function lineLimit(verb: string): number {
  if (verb === "AUTH") return authOctets;
  return longVerbs.has(verb) ? pathCommandOctets : commandOctets;
}

/**
 * RFC 5321 §4.1.1.1 wants a domain or an address literal. Programs of end users send their host's name whatever
 * it is (underscores, bare IPv6 addresses), and §4.1.4 forbids refusing mail for a name that is merely wrong:
 * any token that is safe in a Received field passes.
 */
function parseHello(verb: "EHLO" | "HELO", name: string): Command {
  return isHeloName(name) ? { verb, name } : wrong(501, "5.5.4", `Syntax: ${verb} hostname`);
}

function parseMail(argument: string): Command {
  const start = pathStart("FROM:", argument);
  if (start === -1) return wrong(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]");
  const path = parsePath(argument, start);
  if (!path.ok) return wrong(501, "5.1.7", `Bad sender: ${path.detail}`);
  const parameters = parseMailParameters(argument.slice(path.end));
  if ("code" in parameters) return { verb: "wrong", reply: parameters };
  // RFC 5321 §4.1.1.2: a reverse path is a mailbox or empty; <Postmaster> is a forward path only.
  if (path.mailbox?.domain === "") return wrong(501, "5.1.7", "Bad sender: the address has no domain");
  if (path.mailbox?.ascii === false && !parameters.smtputf8) {
    return wrong(553, "5.6.7", "A non-ASCII address needs SMTPUTF8");
  }
  return { verb: "MAIL", reversePath: path.mailbox, parameters };
}

function parseRcpt(argument: string): Command {
  const start = pathStart("TO:", argument);
  if (start === -1) return wrong(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]");
  const path = parsePath(argument, start);
  if (!path.ok) return wrong(501, "5.1.3", `Bad recipient: ${path.detail}`);
  if (path.mailbox === null) return wrong(501, "5.1.3", "Bad recipient: the address is empty");
  const parameters = parseRcptParameters(argument.slice(path.end));
  if ("code" in parameters) return { verb: "wrong", reply: parameters };
  return { verb: "RCPT", recipient: path.mailbox, parameters };
}

/** Spaces behind the colon are not in the grammar, yet common in devices and scripts, and harmless. */
function pathStart(keyword: string, argument: string): number {
  if (argument.slice(0, keyword.length).toUpperCase() !== keyword) return -1;
  let at = keyword.length;
  while (argument[at] === " ") at++;
  return at;
}

/** RFC 3030 §2. A size of more than 15 digits is none: it could not be counted. */
function parseBdat(text: string): Command {
  const found = /^BDAT +(\d{1,15})( +LAST)? *$/i.exec(text);
  if (found === null) return { verb: "foreign", reply: reply(501, "5.5.4", "Syntax: BDAT octets [LAST]") };
  return { verb: "BDAT", octets: Number(found[1]), last: found[2] !== undefined };
}

function parseAuth(argument: string): Command {
  const found = /^([A-Za-z0-9_-]{1,20})(?: +(\S+))?$/.exec(argument);
  if (found === null) return wrong(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  return { verb: "AUTH", mechanism: (found[1] as string).toUpperCase(), initial: found[2] ?? null };
}

function parseUnknown(text: string): Command {
  // A browser that was made to post a form to this port: RFC 5321 §7.9 leaves closing to the server.
  if (/^(?:GET|POST|PUT|HEAD|CONNECT|OPTIONS|DELETE|TRACE|PATCH) .* HTTP\//.test(text)) {
    return { verb: "foreign", reply: reply(500, "5.5.1", "This is a mail server") };
  }
  // RFC 5321 §4.2.4: 502 for a command that is known but not implemented.
  if (/^(?:TURN|ETRN|ATRN|SEND|SOML|SAML)(?: |$)/i.test(text)) {
    return wrong(502, "5.5.1", "Command not implemented");
  }
  return wrong(500, "5.5.1", "Command not recognized");
}

function wrong(code: number, enhanced: string, text: string): Command {
  return { verb: "wrong", reply: reply(code, enhanced, text) };
}
