import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { summarizeReports } from "./index.ts";
import { report, row } from "./test-reports.ts";

test("what reporters make up takes bounded room, and hides nothing that others say", async () => {
  const hex = () => randomBytes(12).toString("hex");
  const invented = () =>
    row({
      result: `x${hex()}`,
      reason: `y${hex()}`,
      action: `z${hex()}`,
      k: hex().slice(0, 22),
      ip: `2001:db8::${hex().slice(0, 4)}:${hex().slice(0, 4)}`,
    });
  const hostile = Array.from({ length: 4 }, (_, n) =>
    report({ reporter: "evil.test", end: report().end + n, rows: Array.from({ length: 10_000 }, invented) }),
  );
  const [summary] = await summarizeReports([...hostile, report()]);
  assert.deepEqual(
    summary?.problems.map(({ result, reason, messages, actions }) => [
      result,
      reason,
      messages,
      actions.map(({ name }) => name),
    ]),
    [
      ["others", "others", 40_000, ["others"]],
      ["none", "unsigned", 1, ["reject"]],
    ],
  );
  assert.deepEqual(
    summary?.receivers.map(({ results }) => results),
    [{ others: 40_000 }, { pass: 1, none: 1 }],
  );
});
