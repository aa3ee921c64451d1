// V17, key statements: validity, freshness, epoch.
import { ALLICE, keyOf } from "../reference/keys.ts";
import { T } from "../reference/signature-field.ts";
import { NOT_AFTER, NOT_BEFORE } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { NOW } from "../verify-case.ts";
import { BAD_KEY, NEXT_TARGET, tags, USABLE } from "./v17-statement-case.ts";

const OTHER = keyOf(ALLICE.identity, 2);

export const times: readonly Case[] = [
  tags("signed-300-seconds-before-validity", ["STA-10"], "nb-300 <= t.", {}, USABLE, {
    signedAt: NOT_BEFORE - 300,
  }),
  tags("signed-301-seconds-before-validity", ["STA-10", "STA-15"], "One second earlier.", {}, BAD_KEY, {
    signedAt: NOT_BEFORE - 301,
  }),
  tags("signed-at-the-end-of-validity", ["STA-10"], "t <= na.", { na: `${T}`, iat: `${T}` }, USABLE, {
    signedAt: T,
    now: T,
  }),
  tags(
    "signed-a-second-after-validity",
    ["STA-10", "STA-15"],
    "t = na+1, although the clock has not got there.",
    { na: `${T}` },
    BAD_KEY,
    { signedAt: T + 1, now: T },
  ),
  tags("checked-at-the-end-of-validity", ["STA-10"], "now <= na.", { iat: `${NOT_AFTER}` }, USABLE, {
    now: NOT_AFTER,
  }),
  tags(
    "checked-a-second-after-validity",
    ["STA-10", "STA-15"],
    "now = na+1.",
    { iat: `${NOT_AFTER}` },
    BAD_KEY,
    { now: NOT_AFTER + 1 },
  ),
  tags("issued-300-seconds-ahead", ["STA-11"], "iat <= now+300.", { iat: `${NOW + 300}` }, USABLE),
  tags(
    "issued-301-seconds-ahead",
    ["STA-11", "STA-16"],
    "One second more: the target failed.",
    { iat: `${NOW + 301}` },
    NEXT_TARGET,
  ),
  tags("fresh-for-ttl-and-300-seconds", ["STA-11"], "now <= iat+ttl+300.", { iat: `${NOW - 900}` }, USABLE),
  tags(
    "stale-by-a-second",
    ["STA-11", "STA-16"],
    "One second more: the target failed.",
    { iat: `${NOW - 901}` },
    NEXT_TARGET,
  ),
  tags(
    "stale-but-se-allowed",
    ["STA-11"],
    "Where stale statements are allowed, se is added.",
    { iat: `${NOW - 901 - 99}`, se: "100" },
    USABLE,
    { staleSeconds: 86400 },
  ),
  tags(
    "stale-beyond-se",
    ["STA-11", "STA-16"],
    "One second more than se.",
    { iat: `${NOW - 901 - 100}`, se: "100" },
    NEXT_TARGET,
    { staleSeconds: 86400 },
  ),
  tags(
    "stale-with-se-not-allowed",
    ["STA-11", "STA-16"],
    "While key servers answer, se does not count.",
    { iat: `${NOW - 901}`, se: "100" },
    NEXT_TARGET,
  ),
  tags(
    "ttl-below-range",
    ["STA-18", "CCH-2"],
    "ttl=1 is clamped to 60.",
    { ttl: "1", iat: `${NOW - 360}` },
    USABLE,
  ),
  tags(
    "ttl-below-range-stale",
    ["STA-18", "STA-16"],
    "And not to more.",
    { ttl: "1", iat: `${NOW - 361}` },
    NEXT_TARGET,
  ),
  tags(
    "ttl-above-range",
    ["STA-18", "CCH-2"],
    "ttl=999999 is clamped to 86400.",
    { ttl: "999999", iat: `${NOW - 86700}` },
    USABLE,
    { signedAt: T - 86400 },
  ),
  tags(
    "ttl-above-range-stale",
    ["STA-18", "STA-16"],
    "And not to more.",
    { ttl: "999999", iat: `${NOW - 86701}` },
    NEXT_TARGET,
    { signedAt: T - 86400 },
  ),
  tags("issued-at-epoch", ["STA-12"], "iat >= ep.", {}, USABLE, { epoch: T }),
  tags(
    "issued-before-epoch",
    ["STA-12", "STA-16", "POL-9"],
    "Statements issued earlier are void: the target failed.",
    {},
    NEXT_TARGET,
    { epoch: T + 1 },
  ),
  tags(
    "bad-key-before-freshness",
    ["STA-15", "STA-16"],
    "What is wrong for good is not asked for again.",
    { iat: "0", k: OTHER.kid },
    BAD_KEY,
  ),
];
