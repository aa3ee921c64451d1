import assert from "node:assert/strict";
import { test } from "node:test";
import type { Action, Stage } from "../config/index.ts";
import type { DomainPolicy } from "../dns/index.ts";
import type { Reason, RecipientMatch, Result } from "../signature/index.ts";
import { type ActionContext, type Decision, decideAction, type Override } from "./index.ts";
import { contextOf } from "./test-context.ts";

const STAGES: Stage[] = ["observe", "enforce", "require"];
const POLICIES: DomainPolicy[] = ["none", "quarantine", "reject"];

/** ACT-4 once more, spelled out: for each stage what happens under p=none, p=quarantine, p=reject. */
const EXPECTED: [result: Result, reasons: (Reason | null)[], cells: string[][]][] = [
  [
    "pass",
    [null],
    [
      ["deliver", "deliver", "deliver"],
      ["deliver", "deliver", "deliver"],
      ["deliver", "deliver", "deliver"],
    ],
  ],
  [
    "neutral",
    ["sender-only"],
    [
      ["tag", "tag", "tag"],
      ["deliver", "quarantine", "reject 550 5.7.1"],
      ["tag", "quarantine", "reject 550 5.7.1"],
    ],
  ],
  [
    "none",
    ["unsigned"],
    [
      ["tag", "tag", "tag"],
      ["deliver", "quarantine", "reject 550 5.7.1"],
      ["reject 550 5.7.1", "reject 550 5.7.1", "reject 550 5.7.1"],
    ],
  ],
  [
    "fail",
    ["body", "signature"],
    [
      ["tag", "tag", "tag"],
      ["tag", "quarantine", "reject 550 5.7.1"],
      ["reject 550 5.7.7", "reject 550 5.7.7", "reject 550 5.7.7"],
    ],
  ],
  [
    "fail",
    ["identity", "no-keyserver", "no-key", "bad-key", "revoked", "suspended", "expired", "exact"],
    [
      ["tag", "tag", "tag"],
      ["reject 550 5.7.5", "reject 550 5.7.5", "reject 550 5.7.5"],
      ["reject 550 5.7.5", "reject 550 5.7.5", "reject 550 5.7.5"],
    ],
  ],
  [
    "permerror",
    ["syntax"],
    [
      ["tag", "tag", "tag"],
      ["reject 550 5.6.0", "reject 550 5.6.0", "reject 550 5.6.0"],
      ["reject 550 5.6.0", "reject 550 5.6.0", "reject 550 5.6.0"],
    ],
  ],
  [
    "temperror",
    ["unavailable"],
    [
      ["tag", "tag", "tag"],
      ["defer 451 4.4.3", "defer 451 4.4.3", "defer 451 4.4.3"],
      ["defer 451 4.4.3", "defer 451 4.4.3", "defer 451 4.4.3"],
    ],
  ],
];

test("every result and reason in every stage under every policy (ACT-4, ACT-5, IDY-16)", () => {
  for (const [result, reasons, cells] of EXPECTED) {
    for (const reason of reasons) {
      STAGES.forEach((stage, s) => {
        POLICIES.forEach((wanted, p) => {
          const policy = { wanted, domain: "someisp.test" };
          const { action, reply } = decideAction(
            { result, reason, rcpt: null },
            contextOf({ stage, policy }),
          );
          const seen = reply ? `${action} ${reply.code} ${reply.enhanced}` : action;
          assert.equal(seen, cells[s]?.[p], `${result} ${reason} ${stage} p=${wanted}`);
          if (reply) assert.match(reply.text, new RegExp(`^VSMTP/${reason ?? result} [a-zF]`));
        });
      });
    }
  }
});

/** Everything that counts, as a flat row. */
interface Case {
  readonly result: Result;
  readonly reason: Reason | null;
  readonly rcpt: RecipientMatch | null;
  readonly stage: Stage;
  readonly p: DomainPolicy;
  readonly set: Setting;
  readonly trusted: boolean;
  readonly dmarc: boolean;
  readonly mismatch: ActionContext["mismatch"];
  readonly repeated: boolean;
  readonly replays: ActionContext["replays"];
  readonly forged: boolean;
}

/** What an operator may have set, most specific first: which list names the result, which the reason, which action. */
type Setting = readonly (readonly [key: "result" | "reason" | "other", action: Action])[];

const ACTIONS: Action[] = ["deliver", "tag", "quarantine", "discard", "reject", "defer"];
const SETTINGS: Setting[] = [
  [],
  [["other", "reject"]],
  ...ACTIONS.flatMap((action): Setting[] => [
    [["result", action]],
    [["reason", action]],
    [
      ["other", "tag"],
      ["reason", action],
    ],
    [
      ["result", action],
      ["reason", "tag"],
    ],
  ]),
];

type Rule = readonly [when: (c: Case) => boolean, expected: (c: Case) => Partial<Expected>];
interface Expected {
  readonly action: Action;
  readonly decidedBy: Decision["decidedBy"];
}

const isDamage = (c: Case) => c.reason === "body" || c.reason === "signature";
const isRefusal = (c: Case) => c.result === "fail" && !isDamage(c);
const asUnsigned = (c: Case) => c.result === "none" || c.result === "neutral" || isDamage(c);
const isRefused = (action: Action) => action === "reject" || action === "defer";
const passes = (c: Case) => c.result === "pass" || c.result === "neutral";
const firstSet = (c: Case) =>
  c.set.find(([key]) => key === "result" || (key === "reason" && c.reason !== null));

/** The operator's settings, then the stages: the first that fits. */
const BASE: Rule[] = [
  [(c) => firstSet(c) !== undefined, (c) => ({ action: firstSet(c)?.[1] as Action, decidedBy: "override" })],
  [(c) => c.result === "pass", () => ({ action: "deliver" })],
  [(c) => c.stage === "observe", () => ({ action: "tag" })],
  [(c) => c.result === "temperror", () => ({ action: "defer" })],
  [(c) => c.result === "permerror" || isRefusal(c), () => ({ action: "reject" })],
  [(c) => c.stage === "require" && c.result !== "neutral", () => ({ action: "reject" })],
  [
    (c) => c.p !== "none" && c.dmarc && c.result !== "neutral",
    (c) => ({ action: isDamage(c) ? "tag" : "deliver", decidedBy: "dmarc" }),
  ],
  [(c) => c.p !== "none", (c) => ({ action: c.p as Action, decidedBy: "policy" })],
  [(c) => isDamage(c) || c.stage === "require", () => ({ action: "tag" })],
  [() => true, () => ({ action: "deliver" })],
];

/** What changes that, one after the other. */
const CHANGES: [when: (c: Case, before: Expected) => boolean, expected: (c: Case) => Expected][] = [
  [
    (c, { action }) => c.trusted && asUnsigned(c) && action !== "deliver",
    () => ({ action: "deliver", decidedBy: "trusted" }),
  ],
  [
    (c, { action }) =>
      passes(c) &&
      c.rcpt === "mismatch" &&
      !c.trusted &&
      ((c.mismatch === "quarantine" && (action === "deliver" || action === "tag")) ||
        (c.mismatch === "tag" && action === "deliver")),
    (c) => ({ action: c.mismatch, decidedBy: "override" }),
  ],
  [
    (c, { action }) => c.repeated && c.replays === "drop" && !isRefused(action) && action !== "discard",
    () => ({ action: "discard", decidedBy: "replay" }),
  ],
  [
    (c, { action }) => c.repeated && c.replays === "tag" && action === "deliver",
    () => ({ action: "tag", decidedBy: "replay" }),
  ],
  [
    (c, { action }) => c.forged && c.stage === "observe" && action === "deliver",
    () => ({ action: "tag", decidedBy: "bounce" }),
  ],
  [
    (c, { action }) => c.forged && c.stage !== "observe" && action !== "reject",
    () => ({ action: "reject", decidedBy: "bounce" }),
  ],
];

function expected(c: Case): Expected {
  const rule = BASE.find(([when]) => when(c));
  let found: Expected = { action: "deliver", decidedBy: "stage", ...rule?.[1](c) };
  for (const [when, change] of CHANGES) if (when(c, found)) found = change(c);
  return found;
}

function* everyCase(): Generator<Case> {
  const verdicts = EXPECTED.flatMap(([result, reasons]) => reasons.map((reason) => ({ result, reason })));
  const flags = [false, true];
  for (const { result, reason } of verdicts)
    for (const rcpt of passes({ result } as Case) ? (["match", "mismatch"] as const) : [null])
      for (const stage of STAGES)
        for (const p of POLICIES)
          for (const set of SETTINGS)
            for (const trusted of flags)
              for (const dmarc of flags)
                for (const mismatch of rcpt === "mismatch"
                  ? (["deliver", "tag", "quarantine"] as const)
                  : (["tag"] as const))
                  for (const repeated of flags)
                    for (const replays of repeated
                      ? (["drop", "tag", "accept"] as const)
                      : (["drop"] as const))
                      for (const forged of flags)
                        yield {
                          result,
                          reason,
                          rcpt,
                          stage,
                          p,
                          set,
                          trusted,
                          dmarc,
                          mismatch,
                          repeated,
                          replays,
                          forged,
                        };
}

function overridesOf({ set, result, reason }: Case): Override[] {
  return set.map(([key, action], index) => {
    const outcome =
      key === "result" ? result : key === "reason" ? reason : result === "none" ? "pass" : "none";
    return { name: `list ${index}`, actions: outcome === null ? {} : { [outcome]: action } };
  });
}

test("every combination of verdict and context, against rules of its own (ACT-1 to ACT-8, VER-17, VER-18)", () => {
  let count = 0;
  for (const c of everyCase()) {
    const { action, decidedBy, because, reply, stage } = decideAction(c, {
      rules: [{ stage: c.stage, stageSetBy: null, overrides: overridesOf(c) }],
      policy: { wanted: c.p, domain: c.p === "none" ? null : "someisp.test" },
      trusted: c.trusted ? "lists" : null,
      dmarc: c.dmarc ? "author.test" : null,
      mismatch: c.mismatch,
      repeated: c.repeated,
      replays: c.replays,
      forgedBounce: c.forged,
    });
    const want = expected(c);
    if (action !== want.action || decidedBy !== want.decidedBy) {
      assert.deepEqual({ action, decidedBy }, want, JSON.stringify(c));
    }
    // Whatever decides, the sender learns of it in the session or nobody does (ACT-2, ACT-3), and people learn why.
    if ((reply !== null) !== isRefused(action)) assert.fail(`reply: ${JSON.stringify(c)}`);
    if (reply && !reply.text.startsWith(`VSMTP/${c.reason ?? "pass"} `)) assert.fail(JSON.stringify(reply));
    if (reply && (reply.code === 550) !== (action === "reject")) assert.fail(JSON.stringify(reply));
    if ((because === null) !== (decidedBy === "stage")) assert.fail(`because: ${JSON.stringify(c)}`);
    if (stage !== c.stage) assert.fail(JSON.stringify(c));
    count++;
  }
  assert.ok(count > 100_000, `${count}`);
});

test("why it was decided is named (ACT-6, ACT-8)", () => {
  const because = (over: Parameters<typeof contextOf>[0], rcpt: RecipientMatch | null = null) => {
    const verdict =
      rcpt === null
        ? ({ result: "none", reason: "unsigned" } as const)
        : ({ result: "pass", reason: null } as const);
    return decideAction({ ...verdict, rcpt }, contextOf(over)).because;
  };
  const policy = { wanted: "reject", domain: "someisp.test" } as const;
  assert.equal(because({}), null);
  const rules = [{ stage: "require" as const, stageSetBy: "domains[dest.test].stage", overrides: [] }];
  assert.equal(because({ rules }), "domains[dest.test].stage");
  assert.equal(because({ policy }), "someisp.test");
  assert.equal(because({ policy, dmarc: "author.test" }), "author.test");
  assert.equal(because({ policy, trusted: "lists" }), "lists");
  assert.equal(because({ trusted: "lists" }), null, "it would have been delivered anyway");
  const overrides = [{ name: "policy.actions", actions: { none: "tag" as const } }];
  assert.equal(because({ overrides }), "policy.actions.none");
  const both = [{ name: "policy.actions", actions: { none: "tag" as const, unsigned: "discard" as const } }];
  assert.equal(because({ overrides: both }), "policy.actions.unsigned", "the reason before its result");
  assert.equal(because({ mismatch: "tag" }, "mismatch"), "policy.mismatch");
  assert.equal(because({ repeated: true }, "match"), "policy.replays");
  assert.equal(because({ forgedBounce: true }), "policy.forged_bounces");
});

test("of several From domains the strictest answer counts, whoever stands first (POL-13)", () => {
  const lenient = {
    stage: "observe" as const,
    stageSetBy: null,
    overrides: [{ name: "a", actions: { none: "deliver" as const } }],
  };
  const strict = {
    stage: "enforce" as const,
    stageSetBy: null,
    overrides: [{ name: "b", actions: { none: "quarantine" as const } }],
  };
  const plain = { stage: "enforce" as const, stageSetBy: null, overrides: [] };
  const policy = { wanted: "reject", domain: "someisp.test" } as const;
  const unsigned = { result: "none", reason: "unsigned", rcpt: null } as const;
  const orders = [
    [lenient, strict],
    [strict, lenient],
  ];
  for (const rules of orders) {
    const { action, because, stage } = decideAction(unsigned, contextOf({ rules, policy }));
    assert.deepEqual([action, because, stage], ["quarantine", "b.none", "enforce"]);
    assert.equal(
      decideAction(unsigned, contextOf({ rules: [...rules, plain], policy })).because,
      "someisp.test",
    );
  }
});
