// V19, the private interface: H as it comes with SIGN, and whether a vault may sign it (PRV-17, PRV-30).
import { base64 } from "../reference/canonical.ts";
import { ALLICE, keyOf } from "../reference/keys.ts";
import { CORE, type SignatureOptions, signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { mail } from "../verify-case.ts";

const BOB = keyOf("bob@dest.tld");

/** H of a message whose topmost field these options describe. */
function headerOf(message: string, options: SignatureOptions = {}): string {
  let h = "";
  signed(message, {
    ...options,
    signature: (good, parts) => {
      h = parts.headerCanonical;
      return good;
    },
  });
  return h;
}

const plain = headerOf(mail());

function accepted(name: string, about: string, h: string, expected: Readonly<Record<string, unknown>>): Case {
  return {
    name: `h-${name}`,
    kind: "header-check",
    requirements: ["PRV-17", "PRV-30"],
    about,
    input: { headerCanonical: base64(h) },
    expected: { refused: false, ...expected },
  };
}

function refused(name: string, about: string, h: string): Case {
  if (h === plain) throw new Error(`${name}: nothing was changed`);
  return {
    name: `h-${name}`,
    kind: "header-check",
    requirements: ["PRV-17", "PRV-30"],
    about,
    input: { headerCanonical: base64(h) },
    expected: { refused: true },
  };
}

const edit = (what: string | RegExp, by: string): string => plain.replace(what, by);
const levelZero = signed(mail());

export const headerChecks: readonly Case[] = [
  accepted("plain", "As a signer makes it.", plain, {
    identity: ALLICE.identity,
    kid: ALLICE.kid,
    level: 0,
    recipients: 0,
    from: [ALLICE.identity],
    sender: null,
  }),
  accepted(
    "bound",
    "Bound to two recipients.",
    headerOf(mail(), { recipients: ["bob@dest.tld", "eve@dest.tld"] }),
    {
      recipients: 2,
    },
  ),
  accepted(
    "sender",
    "Sender signs; From is the vault's to allow.",
    headerOf(mail({ From: "a@x.tld, b@x.tld", Sender: ALLICE.identity })),
    { from: ["a@x.tld", "b@x.tld"], sender: ALLICE.identity },
  ),
  accepted(
    "extra-fields",
    "Names beyond the core set, each as often as it stands.",
    headerOf(mail({ "X-Tag": "one", "x-tag": "two" }), { tags: { h: `${CORE}:x-tag` } }),
    { level: 0 },
  ),
  accepted(
    "level-1",
    "Above level 0 From and Sender have no say.",
    headerOf(levelZero, { key: BOB, level: 1 }),
    {
      identity: BOB.identity,
      level: 1,
    },
  ),
  refused("empty", "Nothing.", ""),
  refused("last-line-missing", "The field to be completed.", plain.slice(0, plain.lastIndexOf("\r\n") + 2)),
  refused("last-line-alone", "Fields are covered.", plain.slice(plain.lastIndexOf("\r\n") + 2)),
  refused("crlf-at-the-end", "The last line has none (SIG-50).", `${plain}\r\n`),
  refused("signature-there", "It ends with b=.", `${plain}AAAA`),
  refused("from-missing", "From stands once.", edit(/^from:[^\r]*\r\n/, "")),
  refused("from-twice", "From stands once.", `from:eve@someisp.tld\r\n${plain}`),
  refused(
    "subject-twice",
    "Core fields stand at most once (SIG-42).",
    edit("subject:", "subject:x\r\nsubject:"),
  ),
  refused("out-of-order", "Fields stand in the order of h.", edit(/^(from:[^\r]*\r\n)([^\r]*\r\n)/, "$2$1")),
  refused(
    "field-not-in-h",
    "Nothing else stands there.",
    edit("vsmtp-signature:", "x-tag:1\r\nvsmtp-signature:"),
  ),
  refused("core-field-not-covered", "h holds the core set.", edit(":reply-to:", ":")),
  refused(
    "trace-field-covered",
    "Signers cover no trace fields (SIG-47).",
    edit("h=from:", "h=received:from:"),
  ),
  refused("name-upper-case", "Canonical form.", edit("subject:", "Subject:")),
  refused("space-behind-colon", "Canonical form.", edit("subject:", "subject: ")),
  refused("two-spaces", "Canonical form.", edit(" <", "  <")),
  refused("tab", "Canonical form.", edit(" <", "\t<")),
  refused("folded", "Canonical form.", edit(" <", "\r\n <")),
  refused("bare-lf", "Canonical form.", edit("subject:", "subject:\n")),
  refused("nul", "No message holds one (MSG-2).", edit("subject:", "subject:\0")),
  refused("from-unreadable", "From is addresses.", edit(/^from:[^\r]*/, "from:<<")),
  refused(
    "two-authors-no-sender",
    "Nobody is responsible (IDY-3).",
    edit(/^from:[^\r]*/, "from:a@x.tld, b@x.tld"),
  ),
  refused(
    "lifetime-too-long",
    "x is at most 14 days after t.",
    headerOf(mail(), { tags: { x: `${1073304000 + 1209601}` } }),
  ),
  refused(
    "level-0-below-level-0",
    "Only lower levels stand there.",
    edit("vsmtp-signature:", "vsmtp-signature:v=1; a=x; b=\r\nvsmtp-signature:"),
  ),
  refused("level-1-alone", "Level 1 needs level 0 below it.", headerOf(mail(), { level: 1 })),
  refused("identity-missing", "i is required.", headerOf(mail(), { tags: { i: null } })),
  refused("other-version", "Version 1.", edit("v=1;", "v=2;")),
];
