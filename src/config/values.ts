import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import * as z from "zod";
import type { HostAndPort, KeySetSource, MasterKeySource, StoreSource } from "./config.ts";
import type { NextHop, SecretSource } from "./next-hop.ts";

// The kinds of text that settings are written in. Each says in one sentence what it wants.

const ldhLabel = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const octetUnits = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const durationUnits = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A text that `read` turns into a value; null when it is not what is wanted. */
function textOf<T>(wanted: string, read: (text: string) => T | null) {
  return z.string().transform((text, context) => {
    const value = read(text);
    if (value !== null) return value;
    context.addIssue({ code: "custom", message: `must be ${wanted}, not "${text}"`, input: text });
    return z.NEVER;
  });
}

export const domainName = textOf('a domain name such as "example.org"', parseDomain);

/** A mail address that needs no quotes. The domain becomes A-labels in lower case. */
export const mailAddress = textOf('an address such as "alice@example.org"', parseMailAddress);

function parseMailAddress(text: string): string | null {
  const [, localPart = "", written = ""] = /^([^\s\p{Cc}()<>[\]:;@\\,"]{1,64})@(.+)$/u.exec(text) ?? [];
  const domain = parseDomain(written);
  return localPart === "" || domain === null ? null : `${localPart}@${domain}`;
}

/** What stands before subjects. */
export const subjectPrefix = textOf('printable ASCII of at most 60 characters such as "[team]"', (text) =>
  /^[\x21-\x7e](?:[\x20-\x7e]{0,58}[\x21-\x7e])?$/.test(text) ? text : null,
);

/** RFC 6376 §3.1. In lower case, as DNS compares it. */
export const dkimSelector = textOf('a DKIM selector: letters, digits and "-", such as "2026-01"', (text) => {
  const labels = text.toLowerCase().split(".");
  return text.length <= 100 && labels.every((label) => ldhLabel.test(label)) ? labels.join(".") : null;
});

export const filePath = textOf("a file name", (text) => (/^[^\0]+$/.test(text) ? text : null));

/** Where a store is; the path of a file is relative still. The message never shows a URL, for its password. */
export const storeSource = z.string().transform((text, context): StoreSource => {
  const secret = secretSource(text);
  if (secret !== null && secret !== "malformed") return secret;
  const isUrl = text.includes("://");
  const url = isUrl ? URL.parse(text) : null;
  if (url !== null && /^postgres(?:ql)?:$/.test(url.protocol) && url.pathname.length > 1) {
    return { kind: "postgresql", url: text };
  }
  if (secret === null && !isUrl && /^[^\0]+$/.test(text)) return { kind: "file", path: text };
  const message =
    'must be a file name, "postgresql://USER@HOST/DATABASE", or "credential:NAME" or "env:NAME" that hold such a URL';
  context.addIssue({ code: "custom", message, input: null });
  return z.NEVER;
});

/** Where the master key comes from; the path of a file is relative still. */
export const masterKeySource = textOf<MasterKeySource>(
  'a file name, "credential:NAME" or "env:NAME"',
  (text) => {
    const secret = secretSource(text);
    if (secret !== null) return secret === "malformed" ? null : secret;
    return /^[^\0]+$/.test(text) ? { kind: "file", path: text } : null;
  },
);

/** Where a password is; the path of a file is relative still. What was written is not shown: it may be the password. */
export const passwordSource = z.string().transform((text, context): SecretSource => {
  const secret = secretSource(text);
  if (secret !== null && secret !== "malformed") return secret;
  if (secret === null && /^[^\0]+$/.test(text)) return { kind: "file", path: text };
  const message = 'must be a file name, "credential:NAME" or "env:NAME" that hold the password';
  context.addIssue({ code: "custom", message, input: null });
  return z.NEVER;
});

/** Null: none of these. */
function secretSource(
  text: string,
): { kind: "credential"; name: string } | { kind: "variable"; name: string } | "malformed" | null {
  const [, kind, name = ""] = /^(credential|env):(.*)$/.exec(text) ?? [];
  if (kind === "credential") return /^[\w.@-]{1,255}$/.test(name) ? { kind, name } : "malformed";
  if (kind === "env") return /^[A-Za-z_]\w*$/.test(name) ? { kind: "variable", name } : "malformed";
  return null;
}

/** Where the public keys of a token issuer are. */
export const keySetSource = textOf<KeySetSource>("a file name or an https URL", (text) => {
  if (!text.includes("://")) return /^[^\0]+$/.test(text) ? { kind: "file", path: text } : null;
  const url = URL.parse(text);
  return url?.protocol === "https:" ? { kind: "url", url } : null;
});

/** Where to listen. */
export const bindAddress = textOf(
  'ADDRESS:PORT such as "192.0.2.1:25", "[2001:db8::1]:25" or, on all interfaces, "*:25"',
  (text) => {
    const found = parseHostAndPort(text, 0);
    if (!found) return null;
    if (found.host === "*") return { address: null, port: found.port };
    return isIP(found.host) ? { address: found.host, port: found.port } : null;
  },
);

/** Where a milter listens: whoever reaches it has mail signed, so it is never all interfaces. */
export const milterPlace = textOf(
  '"unix:/run/vsmtp/milter.sock" or ADDRESS:PORT such as "127.0.0.1:8759"; all interfaces ("*") would let anybody sign',
  (text) => {
    const [, path] = /^unix:([^\0]+)$/.exec(text) ?? [];
    if (path !== undefined) return { kind: "unix" as const, path };
    const found = parseHostAndPort(text, 0);
    if (!found || !isIP(found.host) || /^[0.:]+$/.test(found.host)) return null;
    return { kind: "tcp" as const, ...found };
  },
);

/** Who may open a Unix socket. */
export const octalMode = textOf('octal digits as for chmod, such as "0660"', (text) =>
  /^0?[0-7]{3}$/.test(text) ? text : null,
);

/** Whose a client's mail is. */
export const accountOrReversePath = textOf(
  'an address such as "printer@example.org", or "reverse-path"',
  (text) => (text === "reverse-path" ? text : parseMailAddress(text)),
);

/** A name server. */
export const resolverAddress = textOf('ADDRESS or ADDRESS:PORT such as "127.0.0.1:53"', (text) => {
  if (isIP(text)) return { address: text, port: 53 };
  const found = parseHostAndPort(text, 1);
  return found && isIP(found.host) ? { address: found.host, port: found.port } : null;
});

/** Where `-FW` sends askers: clients refuse anything else (KEY-23). */
export const redirectTarget = textOf(
  'HOST:PORT such as "keys.example.org:8757", the host a name and the port 443 or at least 1024',
  parseRedirectTarget,
);

/** Null where clients would not go. */
export function parseRedirectTarget(text: string): HostAndPort | null {
  const target = parseTarget(text);
  const allowed = target !== null && isIP(target.host) === 0 && (target.port === 443 || target.port >= 1024);
  return allowed ? target : null;
}

export const network = textOf('a network such as "192.0.2.0/24" or "2001:db8::/32"', (text) =>
  isNetwork(text) ? text : null,
);

/** A network, or a single address as the network that holds it alone. */
export const networkOrAddress = textOf(
  'a network or an address such as "192.0.2.0/24" or "2001:db8::1"',
  (text) => {
    const version = isIP(text);
    if (version !== 0) return `${text}/${version === 6 ? 128 : 32}`;
    return isNetwork(text) ? text : null;
  },
);

/** Whose mail a setting is about. */
export const domainPattern = textOf(
  'a domain name such as "example.org", or ".example.org" for all below it',
  (text) => {
    const domain = parseDomain(text.replace(/^\./, ""));
    return domain && (text.startsWith(".") ? `.${domain}` : domain);
  },
);

/** What logs call a rule. */
export const ruleName = textOf('letters, digits, ".", "_" and "-", 40 at most', (text) =>
  /^[\w.-]{1,40}$/.test(text) ? text : null,
);

export const fieldValue = textOf("printable ASCII of at most 200 characters", (text) =>
  /^[\x20-\x7e]{1,200}$/.test(text) ? text : null,
);

/** Where a vault is. */
export const vaultPlace = textOf(
  'HOST:PORT such as "vault.example.org:8758" or "unix:/run/vsmtp/submission.sock"',
  (text) => {
    if (text.startsWith("unix:/")) return { kind: "unix" as const, path: text.slice("unix:".length) };
    const target = parseTarget(text);
    return target && { kind: "tcp" as const, target };
  },
);

/** SHA-256 in hexadecimal digits. */
export const sha256Hex = textOf("a SHA-256 in 64 hexadecimal digits", (text) =>
  /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : null,
);

/** Where mail goes on to. */
export const nextHopPlace = textOf<NextHop["place"]>(
  'HOST:PORT such as "mail.example.org:25" or "unix:/run/dovecot/lmtp"',
  (text) => {
    if (/^unix:\/[^\0]+$/.test(text)) return { kind: "unix", path: text.slice("unix:".length) };
    const target = parseTarget(text);
    return target && { kind: "tcp", ...target };
  },
);

export const hostAndPort = textOf('HOST:PORT such as "mail.example.org:25"', parseTarget);

export const octets = z.unknown().transform((written, context) => {
  const text = typeof written === "number" || typeof written === "string" ? String(written) : "";
  const [, number, unit] = /^(\d{1,9}) ?(KiB|MiB|GiB)?$/.exec(text) ?? [];
  const factor = unit === undefined ? 1 : octetUnits[unit as keyof typeof octetUnits];
  if (Number(number) > 0) return Number(number) * factor;
  context.addIssue({ code: "custom", message: 'must be a size such as "50MiB"', input: written });
  return z.NEVER;
});

export const durationMs = textOf('a time such as "90s", "5m", "12h" or "5d"', parseDuration);

/** Infinity for "never". */
export const durationMsOrNever = textOf('a time such as "90s", "5m", "12h" or "5d", or "never"', (text) =>
  text === "never" ? Number.POSITIVE_INFINITY : parseDuration(text),
);

function isNetwork(text: string): boolean {
  const [, address = "", prefix] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  return Number(prefix) <= (isIP(address) === 6 ? 128 : isIP(address) === 4 ? 32 : -1);
}

function parseDuration(text: string): number | null {
  const [, number, unit] = /^(\d{1,6}) ?([smhd])$/.exec(text) ?? [];
  const milliseconds = Number(number) * durationUnits[unit as keyof typeof durationUnits];
  return milliseconds > 0 ? milliseconds : null;
}

/** A-labels in lower case, or null. */
export function parseDomain(text: string): string | null {
  const name = domainToASCII(text);
  const isName = name.length <= 253 && name.split(".").every((label) => ldhLabel.test(label));
  return isName && !/(?:^|\.)\d+$/.test(name) ? name : null;
}

export function parseTarget(text: string): HostAndPort | null {
  const found = parseHostAndPort(text, 1);
  const host = found && (isIP(found.host) ? found.host : parseDomain(found.host));
  return found && host ? { host, port: found.port } : null;
}

function parseHostAndPort(text: string, leastPort: number): HostAndPort | null {
  const [, ipv6, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (ipv6 !== undefined && isIP(ipv6) !== 6) return null;
  const host = ipv6 ?? name;
  return host !== undefined && port >= leastPort && port <= 65535 ? { host, port } : null;
}
