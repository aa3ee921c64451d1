// V20, actions: what is done with a verdict, by stage and by the policy of the From domain.
import type { Case } from "../vector.ts";

type Row = readonly [none: string, quarantine: string, reject: string];
type Stages = readonly [observe: Row, enforce: Row, require: Row];

const all = (action: string): Row => [action, action, action];
/** Where the From domain decides: without its policy one thing, under p=quarantine and p=reject another. */
const wanted = (otherwise: string): Row => [otherwise, "quarantine", "reject 550 5.7.1"];

function stages(
  name: string,
  requirements: readonly string[],
  about: string,
  [result, reason]: readonly [result: string, reason: string | null],
  [observe, enforce, require]: Stages,
): Case {
  const row = ([none, quarantine, reject]: Row) => ({ none, quarantine, reject });
  const expected = { observe: row(observe), enforce: row(enforce), require: row(require) };
  return { name, kind: "actions", requirements, about, input: { result, reason }, expected };
}

const refusals = [
  "identity",
  "no-keyserver",
  "no-key",
  "bad-key",
  "revoked",
  "suspended",
  "expired",
  "exact",
];

const table: readonly Case[] = [
  stages(
    "pass",
    ["ACT-4"],
    "A pass is delivered; p is about mail that does not pass.",
    ["pass", null],
    [all("deliver"), all("deliver"), all("deliver")],
  ),
  stages(
    "neutral",
    ["ACT-4", "ACT-5"],
    "Signed by somebody whom the From domain has not allowed to: its policy decides.",
    ["neutral", "sender-only"],
    [all("tag"), wanted("deliver"), wanted("tag")],
  ),
  stages(
    "none",
    ["ACT-4", "ACT-5"],
    "Unsigned mail: the From domain's policy, or everything is refused.",
    ["none", "unsigned"],
    [all("tag"), wanted("deliver"), all("reject 550 5.7.1")],
  ),
  ...["body", "signature"].map((reason) =>
    stages(
      `damage-${reason}`,
      ["ACT-4", "VER-11"],
      "Damage counts as unsigned mail, tagged where nothing else is wanted.",
      ["fail", reason],
      [all("tag"), wanted("tag"), all("reject 550 5.7.7")],
    ),
  ),
  ...refusals.map((reason) =>
    stages(
      `refusal-${reason}`,
      ["ACT-4", "VER-11"],
      "The identity's provider does not answer for it: p has no say.",
      ["fail", reason],
      [all("tag"), all("reject 550 5.7.5"), all("reject 550 5.7.5")],
    ),
  ),
  stages(
    "permerror",
    ["ACT-4"],
    "It breaks the format.",
    ["permerror", "syntax"],
    [all("tag"), all("reject 550 5.6.0"), all("reject 550 5.6.0")],
  ),
  stages(
    "temperror",
    ["ACT-4"],
    "It cannot be found out now.",
    ["temperror", "unavailable"],
    [all("tag"), all("defer 451 4.4.3"), all("defer 451 4.4.3")],
  ),
];

/** Verdict, settings with the most specific first, what is done in stage enforce under p=reject. */
function override(
  name: string,
  about: string,
  [result, reason]: readonly [result: string, reason: string | null],
  actions: readonly Readonly<Record<string, string>>[],
  action: string,
): Case {
  const input = { result, reason, stage: "enforce", policy: "reject", actions };
  return { name, kind: "override", requirements: ["ACT-8"], about, input, expected: { action } };
}

const overrides: readonly Case[] = [
  override("override-result", "By its result.", ["none", "unsigned"], [{ none: "tag" }], "tag"),
  override("override-pass", "A pass, too.", ["pass", null], [{ pass: "quarantine" }], "quarantine"),
  override(
    "override-reason",
    "The reason is more specific than the result.",
    ["fail", "revoked"],
    [{ fail: "tag", revoked: "discard" }],
    "discard",
  ),
  override(
    "override-other-reason",
    "A setting for another reason says nothing.",
    ["fail", "expired"],
    [{ revoked: "deliver" }],
    "reject 550 5.7.5",
  ),
  override(
    "override-per-domain",
    "The recipient domain's setting for the result comes before the global one for the reason.",
    ["none", "unsigned"],
    [{ none: "quarantine" }, { unsigned: "deliver" }],
    "quarantine",
  ),
  override(
    "override-falls-through",
    "What the more specific setting leaves open, the global one decides.",
    ["none", "unsigned"],
    [{ fail: "tag" }, { unsigned: "deliver" }],
    "deliver",
  ),
  override(
    "override-reject",
    "A rejection has the code of its row.",
    ["neutral", "sender-only"],
    [{ "sender-only": "reject" }],
    "reject 550 5.7.1",
  ),
  override(
    "override-defer",
    "Deferred for another cause than that something cannot be found out.",
    ["fail", "body"],
    [{ body: "defer" }],
    "defer 451 4.7.1",
  ),
];

export const actions: readonly Case[] = [...table, ...overrides];
