// V17, key statements: s under dk.
import { base64 } from "../reference/canonical.ts";
import { ALLICE, keyOf, STATEMENT_KEY } from "../reference/keys.ts";
import { NOT_AFTER, statement, statementSignature } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { BAD_KEY, judged, REVOKED, USABLE } from "./v17-statement-case.ts";

const DK_2 = keyOf("dk 2");
const plain = statement();
const signedLine = statement(ALLICE, { signer: STATEMENT_KEY });
const dk = [STATEMENT_KEY];
const gone = { st: "revoked", p: null };

export const statementSignatures: readonly Case[] = [
  judged("signed", ["STA-3", "STA-13"], "s verifies under dk.", signedLine, USABLE, { dk }),
  judged(
    "signed-under-second-key",
    ["STA-13", "POL-8"],
    "dk holds two keys; either may have signed.",
    statement(ALLICE, { signer: DK_2 }),
    USABLE,
    { dk: [STATEMENT_KEY, DK_2] },
  ),
  judged(
    "signed-without-dk-published",
    ["STA-13"],
    "Where no dk is published nobody can check s: it is ignored.",
    signedLine.replace(/s=.*$/, `s=${"A".repeat(86)}==`),
    USABLE,
  ),
  judged(
    "signed-without-spaces",
    ["STA-4"],
    "s signs the octets before the semicolon that precedes it.",
    `${plain};s=${statementSignature(plain)}`,
    USABLE,
    { dk },
  ),
  judged(
    "signed-with-many-spaces",
    ["STA-4"],
    "Spaces before that semicolon are signed, those behind it are not.",
    `${plain}  ;   s=${statementSignature(`${plain}  `)}`,
    USABLE,
    { dk },
  ),
  judged(
    "signed-with-spaces-changed",
    ["STA-3", "STA-15"],
    "The line is signed as it stands: other spacing breaks s.",
    signedLine.replace("; a=", ";a="),
    BAD_KEY,
    { dk },
  ),
  judged(
    "signed-octets-with-semicolon",
    ["STA-3", "STA-4"],
    "A signature that covers the semicolon as well is wrong.",
    `${plain}; s=${statementSignature(`${plain};`)}`,
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-missing",
    ["STA-13", "STA-15"],
    "dk is published: every statement must be signed.",
    plain,
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-of-another-key",
    ["STA-13", "STA-15"],
    "Signed by a key that is not in dk.",
    statement(ALLICE, { signer: DK_2 }),
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-of-the-account-key",
    ["STA-13", "STA-15"],
    "An account cannot vouch for itself.",
    statement(ALLICE, { signer: ALLICE }),
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-of-a-changed-tag",
    ["STA-3", "STA-15"],
    "na was altered after signing.",
    signedLine.replace(`na=${NOT_AFTER}`, `na=${NOT_AFTER + 1}`),
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-without-prefix",
    ["STA-3", "STA-15"],
    'The prefix "VSMTP1-KST" and the zero octet are signed, too.',
    `${plain}; s=${base64(STATEMENT_KEY.sign(Buffer.from(plain)))}`,
    BAD_KEY,
    { dk },
  ),
  judged(
    "signature-not-base64",
    ["SIG-22", "STA-15"],
    "s is strict base64.",
    signedLine.replace(/==$/, "="),
    BAD_KEY,
    { dk },
  ),
  judged("signature-not-last", ["STA-1", "STA-19"], "s is last.", `${signedLine}; zz=1`, BAD_KEY, { dk }),
  judged(
    "revoked-signed",
    ["STA-14"],
    "A revocation that is signed counts.",
    statement(ALLICE, { tags: gone, signer: STATEMENT_KEY }),
    REVOKED,
    { dk },
  ),
  judged(
    "revoked-unsigned-under-dk",
    ["STA-14"],
    "s is checked before all else: nobody can forge a revocation.",
    statement(ALLICE, { tags: gone }),
    BAD_KEY,
    { dk },
  ),
  judged(
    "revoked-with-bad-signature",
    ["STA-14"],
    "Neither with a signature of somebody else.",
    statement(ALLICE, { tags: gone, signer: DK_2 }),
    BAD_KEY,
    { dk },
  ),
  judged(
    "suspended-signed",
    ["STA-14"],
    "The same for suspension.",
    statement(ALLICE, { tags: { st: "suspended", p: null }, signer: STATEMENT_KEY }),
    { outcome: "fail", reason: "suspended" },
    { dk },
  ),
];
