// V18, what is remembered of keys, and how often a domain is asked.
import type { Case } from "../vector.ts";

const START = 1_073_304_000;
// Appendix A's key.
const KEY = "k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200; na=1104537600";
const P = "p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/** What the server would say now: one line; or that it is not there. */
type Says = "down" | "NOKEY" | "NOTHERE" | { readonly ttl: number; readonly se?: number };

interface Step {
  /** Seconds after the first. */
  readonly after: number;
  readonly user?: string;
  /** The domain's policy record; there is none unless given. */
  readonly policy?: string;
  readonly says: Says;
  readonly result: "key" | "no-key" | "no-keyserver" | "temperror";
  /** Does anything go to the server? */
  readonly asked: boolean;
}

function trace(name: string, requirements: readonly string[], about: string, steps: readonly Step[]): Case {
  return {
    name,
    kind: "lookup-trace",
    requirements,
    about,
    input: {
      steps: steps.map(({ after, user = "allice", policy, says }) => {
        const identity = `${user}@someisp.tld`;
        return {
          at: START + after,
          identity,
          ...(policy === undefined ? {} : { policy }),
          server: answer(identity, START + after, says),
        };
      }),
    },
    expected: {
      results: steps.map(({ result }) => result),
      asked: steps.map(({ asked }) => asked),
    },
  };
}

function answer(identity: string, at: number, says: Says): string | null {
  if (says === "down") return null;
  if (typeof says === "string") return `-ERR [${says}]`;
  const stale = says.se === undefined ? "" : ` se=${says.se};`;
  return `v=1; i=${identity}; ${KEY}; iat=${at}; ttl=${says.ttl};${stale} ${P}`;
}

const key = (after: number, asked: boolean, ttl = 600): Step => ({
  after,
  says: { ttl },
  result: "key",
  asked,
});

/** Keys of so many users that do not exist, all at one time. */
const strangers = (after: number, from: number, count: number, asked: boolean): Step[] =>
  Array.from({ length: count }, (_, n) => ({
    after,
    user: `user${from + n}`,
    says: "NOKEY" as const,
    result: asked ? ("no-key" as const) : ("temperror" as const),
    asked,
  }));

export const lookupTraces: readonly Case[] = [
  trace("statement-for-its-ttl", ["CCH-1"], "A statement is remembered for its ttl.", [
    key(0, true),
    key(599, false),
    key(600, true),
  ]),
  trace("statement-an-hour-at-most", ["CCH-1"], "A longer ttl is cut to an hour.", [
    key(0, true, 86_400),
    key(3599, false, 86_400),
    key(3600, true, 86_400),
  ]),
  trace("no-key-for-a-minute", ["CCH-4"], "[NOKEY] is remembered for this identity and key for 60 s.", [
    { after: 0, says: "NOKEY", result: "no-key", asked: true },
    { after: 59, says: { ttl: 600 }, result: "no-key", asked: false },
    { after: 60, says: { ttl: 600 }, result: "key", asked: true },
  ]),
  trace("not-here-for-five-minutes", ["CCH-4", "DIS-8"], "[NOTHERE] is remembered for 300 s.", [
    { after: 0, says: "NOTHERE", result: "no-keyserver", asked: true },
    { after: 299, says: { ttl: 600 }, result: "no-keyserver", asked: false },
    { after: 300, says: { ttl: 600 }, result: "key", asked: true },
  ]),
  trace(
    "failed-target-is-left-alone",
    ["CCH-4", "CCH-11"],
    "A target that failed is left alone for 60 s, then for 120, doubling to 900.",
    [0, 60, 180, 420, 900, 1800, 2700].flatMap((after, index): Step[] => [
      ...(index === 0
        ? []
        : [{ after: after - 1, says: "down", result: "temperror", asked: false } as const]),
      { after, says: "down", result: "temperror", asked: true },
    ]),
  ),
  trace(
    "stale-while-no-server-answers",
    ["CCH-3"],
    "A verifier that uses stale statements does so while the server fails, for se seconds after the ttl.",
    [
      { after: 0, says: { ttl: 60, se: 300 }, result: "key", asked: true },
      { after: 60, says: "down", result: "key", asked: true },
      { after: 359, says: "down", result: "key", asked: true },
      { after: 360, says: "down", result: "temperror", asked: false },
    ],
  ),
  trace("stale-only-where-allowed", ["CCH-3"], "Without se a statement ends with its ttl.", [
    { after: 0, says: { ttl: 60 }, result: "key", asked: true },
    { after: 60, says: "down", result: "temperror", asked: true },
  ]),
  trace("raised-epoch-empties-the-cache", ["CCH-9"], "What is remembered under a lower ep does not count.", [
    { after: 0, policy: "v=VSMTP1; ep=1073303000", says: { ttl: 600 }, result: "key", asked: true },
    { after: 10, policy: "v=VSMTP1; ep=1073303000", says: "NOKEY", result: "key", asked: false },
    { after: 20, policy: "v=VSMTP1; ep=1073304000", says: "NOKEY", result: "no-key", asked: true },
  ]),
  trace(
    "sixty-misses-a-minute",
    ["CCH-6"],
    "The 61st uncached miss of a domain in a minute is temperror without a query; what is remembered counts on.",
    [
      key(0, true),
      ...strangers(1, 0, 59, true),
      ...strangers(1, 59, 2, false),
      key(2, false),
      ...strangers(60, 61, 1, true),
    ],
  ),
];
