// V13, policy records that are remembered.
import type { Case } from "../vector.ts";

const START = 1_073_304_000;
const DAY = 86_400;
const YEAR = 365 * DAY;

/** A look at the record, some seconds after the first, and what is then to be done with mail From the domain. */
type Look = readonly [after: number, txt: string, served: string];

function trace(name: string, requirements: readonly string[], about: string, looks: readonly Look[]): Case {
  return {
    name,
    kind: "remembered-policy",
    requirements,
    about,
    input: { domain: "someisp.tld", looks: looks.map(([after, txt]) => ({ at: START + after, txt })) },
    expected: { served: looks.map(([, , served]) => served) },
  };
}

export const rememberedPolicies: readonly Case[] = [
  trace(
    "remembered-while-dns-fails",
    ["POL-10", "POL-15"],
    "A record that DNSSEC vouched for serves for its ma, and no longer.",
    [
      [0, "v=VSMTP1; p=reject; ma=86400", "reject"],
      [DAY - 1, "failure", "reject"],
      [DAY, "failure", "failure"],
    ],
  ),
  trace(
    "remembered-when-suppressed",
    ["POL-10"],
    "That there is no record, or none that counts, does not downgrade while DNSSEC does not vouch for it.",
    [
      [0, "v=VSMTP1; p=reject; ma=86400", "reject"],
      [10, "none", "reject"],
      [20, "v=VSMTP1; p=sometimes", "reject"],
      [DAY, "none", "none"],
    ],
  ),
  trace(
    "remembered-until-denied",
    ["POL-23"],
    "A denial that DNSSEC vouches for is the domain's own word: it ends what is remembered.",
    [
      [0, "v=VSMTP1; p=reject; ma=86400", "reject"],
      [10, "denied", "none"],
      [20, "failure", "failure"],
    ],
  ),
  trace("remembered-from-the-last-look", ["POL-10"], "ma counts from when the record was seen last.", [
    [0, "v=VSMTP1; p=reject; ma=86400", "reject"],
    [DAY - 10, "v=VSMTP1; p=reject; ma=86400", "reject"],
    [2 * DAY - 11, "failure", "reject"],
    [2 * DAY - 10, "failure", "failure"],
  ]),
  trace("remembered-not-at-all", ["POL-10"], "Without ma nothing is remembered.", [
    [0, "v=VSMTP1; p=reject", "reject"],
    [1, "failure", "failure"],
  ]),
  trace(
    "remembered-is-replaced",
    ["POL-10"],
    "A record that is published counts, and is remembered in place.",
    [
      [0, "v=VSMTP1; p=reject; ma=86400", "reject"],
      [10, "v=VSMTP1; p=quarantine; ma=86400", "quarantine"],
      [20, "failure", "quarantine"],
    ],
  ),
  trace("remembered-a-year-at-most", ["POL-10"], "A longer ma is cut to a year.", [
    [0, "v=VSMTP1; p=reject; ma=999999999999", "reject"],
    [YEAR - 1, "failure", "reject"],
    [YEAR, "failure", "failure"],
  ]),
];
