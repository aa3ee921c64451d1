import assert from "node:assert/strict";
import { test } from "node:test";
import type { Action, Stage } from "../config/index.ts";
import type { DomainPolicy } from "../dns/index.ts";
import type { Reason, Result } from "../signature/index.ts";
import { decideAction } from "./decide-action.ts";

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
        POLICIES.forEach((policy, p) => {
          const { action, reply } = decideAction({ result, reason }, { stage, policy, overrides: [] });
          const seen = reply ? `${action} ${reply.code} ${reply.enhanced}` : action;
          assert.equal(seen, cells[s]?.[p], `${result} ${reason} ${stage} p=${policy}`);
          if (reply) assert.match(reply.text, new RegExp(`^VSMTP/${reason ?? result} [a-zF]`));
        });
      });
    }
  }
});

test("an operator overrides any result and any reason, per recipient domain before globally (ACT-8)", () => {
  const actions: Action[] = ["deliver", "tag", "quarantine", "discard", "reject", "defer"];
  for (const [result, reasons] of EXPECTED) {
    for (const reason of reasons) {
      for (const action of actions) {
        for (const stage of STAGES) {
          const context = { stage, policy: "reject" as const };
          const byResult = decideAction(
            { result, reason },
            { ...context, overrides: [{ [result]: action }] },
          );
          assert.deepEqual([byResult.action, byResult.decidedBy], [action, "override"]);
          assert.equal(byResult.reply !== null, action === "reject" || action === "defer");
          if (reason === null) continue;
          const overrides = [
            { [result]: "discard" as const, [reason]: action },
            { [reason]: "tag" as const },
          ];
          assert.equal(decideAction({ result, reason }, { ...context, overrides }).action, action);
        }
      }
    }
  }
  const global = {
    stage: "enforce" as const,
    policy: "none" as const,
    overrides: [{ none: "tag" as const }, { unsigned: "reject" as const }],
  };
  assert.equal(decideAction({ result: "none", reason: "unsigned" }, global).action, "tag");
});
