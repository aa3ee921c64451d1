import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { explanationOf } from "./administration/explain.ts";
import { allCommands, commandsPage } from "./test-commands-page.ts";

test("docs/commands.md tells what the commands are", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/commands.md"), "utf8");
  assert.equal(page, await commandsPage(), "node src/cli/test-commands-page.ts > docs/commands.md");
});

test("what answers in JSON explains its fields; examples use options that exist", async () => {
  const commands = await allCommands();
  const options = new Map(
    commands.map(({ path, command }) => [path, command.options.flatMap(({ long }) => long ?? [])]),
  );
  for (const { path, command } of commands) {
    const explanation = explanationOf(command);
    if (explanation === null) continue;
    assert.ok(
      Object.keys(explanation.json).every((name) => /^[a-z][a-z0-9_]*$/.test(name)),
      path,
    );
    assert.ok(explanation.examples.length > 0, path);
    for (const [line] of explanation.examples) {
      const named = [...options.keys()].find((other) => `${line} `.includes(`${other} `));
      assert.ok(named, `${path}: ${line}`);
      for (const [option] of line.matchAll(/--[a-z-]+/g)) {
        assert.ok(options.get(named)?.includes(option), `${path}: ${option} in: ${line}`);
      }
    }
  }
});
