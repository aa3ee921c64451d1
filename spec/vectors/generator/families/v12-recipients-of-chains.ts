// V12, custody chains: sound ones, their recipients and limits.
import { keyOf } from "../reference/keys.ts";
import { RSA_2048 } from "../reference/rsa-keys.ts";
import { type SignatureOptions, signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { mail, temperror } from "../verify-case.ts";

import {
  BAD,
  BOB,
  byAllice,
  byBob,
  byCarol,
  CAROL,
  chain,
  DAVE,
  exact,
  FAIL_EXACT,
  statements,
} from "./v12-chain-case.ts";

/** Forwarders of levels 1 to 7, each to the next: user1@hop.tld … user8@hop.tld. */
const hops = Array.from({ length: 7 }, (_, index) => keyOf(`user${index + 1}@hop.tld`));
const hopStatements = [...statements, ...hops.map((key) => statement(key))];
const sevenLevels = (message: string): string =>
  hops.reduce(
    (built, key, index) => signed(built, { key, level: index + 1, recipients: [`user${index + 2}@hop.tld`] }),
    message,
  );
const toHops = { recipients: ["user1@hop.tld"] };
const nineFields = (more: SignatureOptions = {}): string =>
  sevenLevels(signed(signed(mail(), { ...toHops, ...more }), { key: RSA_2048, ...toHops, ...BAD }));
export const recipientsOfChains: readonly Case[] = [
  chain(
    "forwarded-once",
    ["CUS-3", "VER-15"],
    "Level 1's i is in level 0's r, the recipient in level 1's.",
    byBob(),
    [CAROL.identity],
    "forwarded",
  ),
  chain(
    "forwarded-twice",
    ["CUS-3", "VER-15"],
    "Levels 0, 1, 2 without gap.",
    byCarol(),
    [DAVE],
    "forwarded",
  ),
  chain(
    "forwarded-with-fields-reordered",
    ["CUS-3", "SIG-50"],
    "The order of fields of different levels in the message does not matter.",
    reversed(byCarol()),
    [DAVE],
    "forwarded",
  ),
  chain(
    "forwarded-exact",
    ["VER-20", "VER-15"],
    "A sound chain is no mismatch: exact does not hurt it.",
    byBob(byAllice(exact)),
    [CAROL.identity],
    "forwarded",
  ),
  chain(
    "recipient-of-level-0",
    ["VER-22"],
    "A recipient listed at level 0 matches whatever higher levels say.",
    byCarol(),
    [BOB.identity],
    "match",
  ),
  chain(
    "recipient-of-level-0-bad-level-1",
    ["VER-22", "VER-7"],
    "Also when the higher level is bad.",
    byBob(byAllice(), BAD),
    [BOB.identity],
    "match",
  ),
  chain(
    "recipient-of-level-1-below-level-2",
    ["VER-15", "VER-16"],
    "Only the top level of the chain answers for the delivery.",
    byCarol(),
    [CAROL.identity],
    "mismatch",
  ),
  chain(
    "recipient-of-nobody",
    ["VER-16"],
    "The recipient is in no r.",
    byCarol(),
    ["eve@dest.tld"],
    "mismatch",
  ),
  chain(
    "partly-matching-partly-forwarded",
    ["VER-19"],
    "One recipient of level 0, one of the top level: mismatch.",
    byBob(),
    [BOB.identity, CAROL.identity],
    "mismatch",
  ),
  chain(
    "partly-matching-partly-forwarded-exact",
    ["VER-19", "VER-20"],
    "A mismatch all the same under exact.",
    byBob(byAllice(exact)),
    [BOB.identity, CAROL.identity],
    FAIL_EXACT,
  ),
  chain(
    "partly-forwarded-partly-unknown",
    ["VER-15", "VER-16"],
    "Every recipient must be in the top level's r.",
    byBob(),
    [CAROL.identity, "eve@dest.tld"],
    "mismatch",
  ),
  chain(
    "seven-forwarders",
    ["SIG-9", "CUS-3", "VER-5"],
    "Levels 0 to 7: eight lookups, the most a message may cost.",
    sevenLevels(signed(mail(), toHops)),
    ["user8@hop.tld"],
    "forwarded",
    { statements: hopStatements },
  ),
  chain(
    "nine-lookups",
    ["VER-9"],
    "A bad second field at level 0 costs a lookup: level 7 would need the ninth, so the chain ends at level 6.",
    nineFields(),
    ["user8@hop.tld"],
    "mismatch",
    { statements: hopStatements },
  ),
  chain(
    "nine-lookups-recipient-of-level-6",
    ["VER-9", "VER-15"],
    "Level 6 is the top of that chain.",
    nineFields(),
    ["user7@hop.tld"],
    "forwarded",
    { statements: hopStatements },
  ),
  chain(
    "nine-lookups-exact",
    ["VER-9", "VER-7"],
    "Beyond eight lookups a field is temperror, which counts under exact.",
    nineFields(exact),
    ["user8@hop.tld"],
    temperror(),
    { statements: hopStatements },
  ),
];

/** The signature fields in reverse order. */
function reversed(message: string): string {
  const begin = message.indexOf("From:");
  const fields = message.slice(0, begin).split(/(?=VSMTP-Signature:)/);
  return fields.toReversed().join("") + message.slice(begin);
}
