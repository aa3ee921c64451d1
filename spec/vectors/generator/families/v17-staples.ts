// V17, key statements: stapled to a message.
import { base64 } from "../reference/canonical.ts";
import { ALLICE, keyOf, STATEMENT_KEY, type TestKey } from "../reference/keys.ts";
import { T } from "../reference/signature-field.ts";
import { statement, statementSignature } from "../reference/statement.ts";
import type { Case } from "../vector.ts";

interface Stapled {
  /** The field; by default that of a signed statement, in one line. */
  readonly field?: string;
  /** Of the statement, in place of the usual values. */
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly signer?: TestKey;
  /** `dk`; empty for none. */
  readonly dk?: readonly TestKey[];
  /** `sl` */
  readonly sl?: number;
  readonly epoch?: number;
  readonly now?: number;
}

const OTHER = keyOf(ALLICE.identity, 2);
const line = statement(ALLICE, { signer: STATEMENT_KEY });
const [head, tail] = [line.slice(0, line.indexOf("; nb=")), line.slice(line.indexOf("; nb=") + 2)];

function stapled(
  name: string,
  requirements: readonly string[],
  about: string,
  used: boolean,
  { field, tags = {}, signer = STATEMENT_KEY, dk = [STATEMENT_KEY], sl = 300, epoch, now = T }: Stapled = {},
): Case {
  const text = field ?? `VSMTP-Key-Statement: ${statement(ALLICE, { tags, signer })}\r\n`;
  const { identity, kid, algorithm } = ALLICE;
  const input: Record<string, unknown> = {
    field: base64(Buffer.from(text, "latin1")),
    identity,
    kid,
    algorithm,
  };
  Object.assign(input, { signedAt: T, now, statementKeys: dk.map(({ spki }) => base64(spki)) });
  if (epoch !== undefined) input.epoch = epoch;
  input.stapleSeconds = sl;
  return { name: `staple-${name}`, kind: "staple", requirements, about, input, expected: { used } };
}

const folded = (fold: string) => `VSMTP-Key-Statement: ${head};${fold}${tail}\r\n`;

export const staples: readonly Case[] = [
  stapled("fresh", ["STP-2"], "now = iat.", true),
  stapled("as-old-as-sl", ["STP-2"], "now - iat = sl.", true, { now: T + 300 }),
  stapled("older-than-sl", ["STP-2"], "One second later the key is looked up.", false, { now: T + 301 }),
  stapled("sl-of-0", ["STP-2"], "sl=0 wants no staples, not even of this second (decision 0080).", false, {
    sl: 0,
  }),
  stapled("no-dk", ["STP-2"], "Nothing proves it where no dk is published.", false, { dk: [] }),
  stapled("not-signed", ["STP-2"], "There is no s.", false, {
    field: `VSMTP-Key-Statement: ${statement()}\r\n`,
  }),
  stapled("signed-by-another-key", ["STP-2"], "s is by a key that is not in dk.", false, { signer: OTHER }),
  stapled("revoked", ["STP-2"], "A revocation is believed from the key server alone.", false, {
    tags: { st: "revoked", p: null },
  }),
  stapled("retired", ["STP-2", "STA-9"], "A retired key still verifies.", true, { tags: { st: "retired" } }),
  stapled("issued-at-epoch", ["STP-2", "STA-12"], "iat = ep.", true, { epoch: T }),
  stapled("issued-before-epoch", ["STP-2", "STA-12"], "iat = ep-1: void.", false, { epoch: T + 1 }),
  stapled("issued-301-seconds-ahead", ["STP-2", "STA-11"], "iat > now+300.", false, { now: T - 301 }),
  stapled("other-identity", ["STP-2", "STA-6"], "It is about somebody else.", false, {
    tags: { i: "bob@someisp.tld" },
  }),
  stapled("other-key", ["STP-2", "STA-6"], "It is about another key of the identity.", false, {
    tags: { k: OTHER.kid, p: base64(OTHER.spki) },
  }),
  stapled("folded", ["STP-3"], "Canonical form unfolds.", true, { field: folded("\r\n ") }),
  stapled("folded-with-tab", ["STP-3"], "Canonical form makes one space of it.", true, {
    field: folded(" \r\n\t "),
  }),
  stapled("name-in-other-case", ["STP-3"], "Field names have no case.", true, {
    field: `vsmtp-key-STATEMENT : ${line}\r\n`,
  }),
  stapled(
    "signed-with-two-spaces",
    ["STP-3"],
    "Its second space is lost in canonical form, so s fails.",
    false,
    {
      field: ((text) => `VSMTP-Key-Statement: ${text}; s=${statementSignature(text)}\r\n`)(
        statement().replace("; a=", ";  a="),
      ),
    },
  ),
];
