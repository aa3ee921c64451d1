// V4, H and M.
import { base64 } from "../reference/canonical.ts";
import { ALLICE, keyOf, PKCS8_PREFIX, SEED_1, STATEMENT_KEY } from "../reference/keys.ts";
import { CORE, type SignatureOptions, signed, type Tags } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import { type Case, mustEqual } from "../vector.ts";
import { mail, PASS, verifyCase } from "../verify-case.ts";

const BOB = keyOf("bob@dest.tld");
const CAROL = keyOf("carol@third.tld");
/** Allice's private key, PKCS #8. */
const privateKey = base64(Buffer.concat([Buffer.from(PKCS8_PREFIX, "hex"), SEED_1]));

/** @param message to put a field before; H and M are those of the new field, the topmost unless `field` says */
function input(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  options: SignatureOptions = {},
): Case {
  let headerCanonical = "";
  let m = "";
  const result = signed(message, {
    ...options,
    signature: (good, parts) => {
      headerCanonical = parts.headerCanonical;
      m = base64(parts.input);
      return good;
    },
  });
  const expected: Record<string, unknown> = { headerCanonical: base64(headerCanonical), input: m };
  const inputs: Record<string, unknown> = { message: base64(result), field: 0 };
  if (options.key === undefined) {
    inputs.privateKey = privateKey;
    expected.b = /; b=(\S+)/.exec(result.replaceAll("\r\n ", " "))?.[1];
  }
  return { name, kind: "signing-input", requirements, about, input: inputs, expected };
}

const appendixTags = `VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp.tld;
 k=FIH_rUKoiX6PoyILK0Uagg; t=1073304000; x=1073908800;
 h=from:sender:reply-to:to:cc:subject:date:message-id:in-reply-to:
  references:mime-version:content-type:content-transfer-encoding:
  content-disposition;
 bh=MLlAUhq1WOxmJGGvkhuUJnJ2NxyYgZEPnIr+FgZqYMg=;
 r=AAECAwQFBgcICQoLDA0ODw:f3fRZEltlUV0T1rybP9aiQ;
 b=`.replaceAll("\n", "\r\n");
const appendixB = "mwlUDwIhUXKdXOOsop9feISLy1fRQFA5EyuLW9FkdszbgQsvz8tGwcV7S5aFFyi64kkteJzGZ3aMJqrh7wexAQ==";
const appendixBody = "Hi Bob,\r\n\r\nNoon  at the usual place? \r\n\r\n\r\n";
const appendixHash = "97ba376d003c5d3af10d205410486abbec36eafdbb6682d3fb573dd648a8d745";
const appendixStatement = `v=1; i=allice@someisp.tld; k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200; na=1104537600; iat=1073304000; ttl=600; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=; s=hu7cekOwsqUk6OkPJVakhxbcMlFfU/hU2MNwM4YLW55X/Ij/EcO3o9NZy/h6zfaRt1uuxA1vAmwKvQvXvyU9DQ==`;
const workedExample = signed(mail({}, appendixBody), {
  recipients: ["bob@dest.tld"],
  write: () => appendixTags,
  signature: (good, parts) => {
    mustEqual(parts.input.subarray(11).toString("hex"), appendixHash, "SHA-256(H) of the worked example");
    mustEqual(base64(good), appendixB, "b of the worked example");
    return good;
  },
});
mustEqual(statement(ALLICE, { signer: STATEMENT_KEY }), appendixStatement, "statement of the worked example");

const extraFields = { "X-Tag": "one", Received: "by mx", "x-tag": "two" };
const levelZero = signed(mail(), { recipients: ["bob@dest.tld"] });
const rsaLike = signed(levelZero, { tags: { z: "1" }, level: 0 });
const levelOne = signed(levelZero, { key: BOB, level: 1, recipients: ["carol@third.tld"] });
/** Level 0 moved above level 1, as a relay that reorders fields may do. */
const reordered = moveDown(levelOne);

function moveDown(message: string): string {
  const second = message.indexOf("\r\nVSMTP-Signature:") + 2;
  const end = message.indexOf("\r\nFrom:") + 2;
  return message.slice(second, end) + message.slice(0, second) + message.slice(end);
}

const tricky = (tags: Tags): string =>
  `VSMTP-Signature: v=1; y=;b2=b=;${tags.map(([name, value]) => ` ${name}=${value};`).join("")} zb=b=x; b=`;

export const signingInputs: readonly Case[] = [
  verifyCase({
    name: "worked-example-verifies",
    requirements: ["SIG-50", "SIG-51", "STA-3"],
    about: "The worked example, bit for bit: message, key statement signed under dk, recipient.",
    message: workedExample,
    recipients: ["bob@dest.tld"],
    statements: [appendixStatement],
    statementKeys: [STATEMENT_KEY],
    expected: { ...PASS, rcpt: "match" },
  }),
  input("worked-example", ["SIG-50", "SIG-51"], "H, M and b of the worked example.", mail({}, appendixBody), {
    write: () => appendixTags,
  }),
  input(
    "fields-in-order-of-h",
    ["SIG-50"],
    "The order is that of h, not of the message; absent fields leave no line.",
    mail(),
    {
      tags: { h: CORE.split(":").toReversed().join(":") },
    },
  ),
  input(
    "repeated-field-top-to-bottom",
    ["SIG-50", "SIG-44"],
    "All instances of a covered name, from top to bottom, their names in any case.",
    mail(extraFields),
    {
      tags: { h: `x-tag:${CORE}` },
    },
  ),
  input(
    "uncovered-fields-left-out",
    ["SIG-50"],
    "A field that h does not name is no part of H.",
    mail(extraFields),
  ),
  input(
    "empty-covered-field",
    ["SIG-50", "SIG-44"],
    'An empty field is there: its line is "name:".',
    mail({ Subject: "" }),
  ),
  input(
    "text-like-b-in-other-tags",
    ["SIG-50"],
    'The tag b is found by parsing: neither a value that holds "b=" nor a name that ends in b is it.',
    mail(),
    {
      write: tricky,
    },
  ),
  input(
    "b-folded",
    ["SIG-50"],
    'Everything after "b=" is removed before the field is made canonical.',
    mail(),
    {
      b: (text) => `\r\n ${text.slice(0, 44)}\r\n ${text.slice(44)}`,
    },
  ),
  input(
    "white-space-in-h",
    ["SIG-25", "SIG-50"],
    "White space inside h is in H as it stands in canonical form.",
    mail(),
    {
      tags: { h: CORE.replaceAll(":", "\r\n\t:\r\n  ") },
    },
  ),
  input("headers-alone", ["SIG-50", "MSG-13"], "A message without body.", mail({}, "").slice(0, -2)),
  input(
    "level-1",
    ["SIG-50"],
    "Level 1 takes the level-0 field, its b included, behind the fields of h.",
    levelZero,
    {
      key: BOB,
      level: 1,
    },
  ),
  input(
    "level-1-above-two-fields",
    ["SIG-50"],
    "All fields of the lower level, from top to bottom.",
    rsaLike,
    {
      key: BOB,
      level: 1,
    },
  ),
  input(
    "level-2",
    ["SIG-50"],
    "Lower levels in ascending order, although the message has them the other way round.",
    levelOne,
    {
      key: CAROL,
      level: 2,
    },
  ),
  input(
    "level-2-above-reordered-fields",
    ["SIG-50"],
    "The order by level does not depend on the place in the message.",
    reordered,
    {
      key: CAROL,
      level: 2,
    },
  ),
  input(
    "level-1-beside-higher-level",
    ["SIG-50"],
    "Fields of the same or a higher level are left out.",
    levelOne,
    {
      key: BOB,
      level: 1,
      tags: { z: "second" },
    },
  ),
  input(
    "level-1-above-ignored-field",
    ["SIG-7", "SIG-50"],
    "A field of another version has no level and is left out.",
    levelZero.replace(/^/, "VSMTP-Signature: v=2; n=0; b=AAAA\r\n"),
    {
      key: BOB,
      level: 1,
    },
  ),
  input(
    "level-1-above-unusable-field",
    ["SIG-26", "SIG-50"],
    "A field that is unusable for its algorithm has a level and is part of H.",
    signed(levelZero, { tags: { a: "future-1" } }),
    {
      key: BOB,
      level: 1,
    },
  ),
  input(
    "level-1-above-field-without-level",
    ["SIG-27", "SIG-50"],
    "A field whose level cannot be read is left out.",
    signed(levelZero, { tags: { n: "9" } }),
    {
      key: BOB,
      level: 1,
    },
  ),
];
