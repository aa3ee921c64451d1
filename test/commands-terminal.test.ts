import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { missingProgram } from "./support/client-program.ts";
import { CommandLine } from "./support/command-line.ts";
import { TerminalRun } from "./support/terminal.ts";

// What commands do on a terminal: questions, passwords that are not shown, progress, tables that fit.

// Others than util-linux have a script(1) with other options.
const skip =
  process.platform === "linux" ? missingProgram("script") : "peer: script of util-linux is not here";
const cli = new CommandLine();

before(async () => {
  if (skip) return;
  await cli.does("domain add someisp.test", /is hosted/);
  await cli.does(
    "account add somebody.with.a.long.name@someisp.test --alias al@someisp.test",
    /has been added/,
  );
});
after(() => cli.remove());

const open = (line: string): TerminalRun => new TerminalRun([...line.split(" "), "--config", cli.settings]);

test("what cannot be undone is asked, and done only on yes", { skip }, async () => {
  const refused: [typed: string, means: string][] = [
    ["\r", "Enter"],
    ["n", "no"],
    ["\u0003", "Ctrl-C"],
    ["\u0004", "Ctrl-D"],
  ];
  for (const [typed, means] of refused) {
    const run = open("account alias remove al@someisp.test");
    await run.answer("loses the address al@someisp.test", "");
    await run.answer("No", typed);
    assert.equal(await run.end(), 1, means);
    assert.match(run.output, /vsmtp: not done, as you wish/);
  }
  const run = open("account alias remove al@someisp.test");
  await run.answer("No", "y");
  assert.equal(await run.end(), 0, run.output);
  assert.match(run.output, /al@someisp\.test is no address of/);
});

test("a new password is asked twice and never shown", { skip }, async () => {
  const address = "somebody.with.a.long.name@someisp.test";
  const differs = open(`account passwd ${address}`);
  await differs.answer("New password", "right horse\r");
  await differs.answer("New password again", "wrong horse\r");
  assert.equal(await differs.end(), 2);
  assert.match(differs.output, /the two passwords differ; nothing was changed/);
  const run = open(`account passwd ${address}`);
  await run.answer("New password", "right horse\r");
  await run.answer("New password again", "right horse\r");
  assert.equal(await run.end(), 0, run.output);
  assert.match(run.output, /has a new password/);
  assert.ok(!run.output.includes("horse"));
});

test("long work shows how far it is; tables are cut to the terminal", { skip }, async () => {
  const rotating = open("key rotate --older-than 0s");
  assert.equal(await rotating.end(), 0, rotating.output);
  assert.match(rotating.output, /rotating: 1 of 1 keys, 100 %/);
  const address = "a".repeat(60);
  await cli.does(`account add ${address}@someisp.test --no-password`, /has been added/);
  const list = open("account list --keys");
  assert.equal(await list.end(), 0);
  const lines = list.output.split("\r\n").filter((line) => line !== "");
  assert.ok(
    lines.every((line) => line.length <= 100) && lines.some((line) => line.includes("…")),
    list.output,
  );
});

test("long work that is broken off ends with status 130, and says how far it was", { skip }, async () => {
  const addresses = Array.from({ length: 3000 }, (_, index) => `user-${index}@someisp.test\n`);
  await cli.does("account load -", /^3,000 accounts added\n$/, addresses.join(""));
  await setTimeout(1_100); // keys of this very second are not older than 0 s
  const run = open("key rotate --older-than 0s");
  await run.answer(" keys, ", "\u0003");
  assert.equal(await run.end(), 130, run.output);
  assert.match(run.output, /rotating: [\d,]+ of 3,002 keys, \d+ %: broken off; what is done stays done/);
});
