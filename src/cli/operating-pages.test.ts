import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatProblem, loadConfig } from "../config/index.ts";
import { allCommands } from "./test-commands-page.ts";

const root = join(import.meta.dirname, "../..");
const pages = [
  "README.md",
  "docs/operating.md",
  "docs/sending.md",
  "docs/receiving.md",
  "docs/incidents.md",
  "docs/milter.md",
  "docs/gateways.md",
].map((name) => ({
  name,
  text: readFileSync(join(root, name), "utf8"),
}));

test("the settings on the operator's pages are accepted", () => {
  let count = 0;
  for (const { name, text } of pages) {
    for (const [, settings = ""] of text.matchAll(/^```toml\n(.*?)^```$/gms)) {
      const fileName = /^# (\/[^\s:]+)(?:: .*)?\n/.exec(settings)?.[1];
      assert.ok(fileName, `${name}: settings begin with the name of their file: ${settings.slice(0, 60)}`);
      const result = loadConfig(settings, fileName);
      const problems = result.ok ? [] : result.problems.map((problem) => formatProblem(fileName, problem));
      assert.deepEqual(problems, [], `${name}: ${settings}`);
      count++;
    }
  }
  assert.ok(count >= 10, `${count} settings files found`);
});

test("the commands on the operator's pages exist, with their options", async () => {
  const options = new Map(
    (await allCommands()).map(({ path, command }) => [
      path,
      command.options.flatMap(({ long }) => long ?? []),
    ]),
  );
  const paths = [...options.keys()];
  for (const { name, text } of pages) {
    for (const command of commandsIn(text)) {
      const path = paths.find((one) => `${command} `.startsWith(`${one} `));
      // A group of commands may be named without one of them, as in `vsmtp enroll`.
      assert.ok(path ?? paths.some((one) => one.startsWith(`${command} `)), `${name}: ${command}`);
      for (const [option] of command.matchAll(/(?<= )--[a-z-]+/g)) {
        assert.ok(path && options.get(path)?.includes(option), `${name}: ${option} in: ${command}`);
      }
    }
  }
});

/** In code, from "vsmtp" on: as far as a shell would read it, without what only stands for a name. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  const inline = [...text.replace(/^```.*?^```$/gms, "").matchAll(/`(vsmtp [^`]*)`/g)].map(
    ([, code = ""]) => code,
  );
  const lines = [...blocks.join("\n").split("\n"), ...inline];
  return lines
    .flatMap((line) => /(?:^|[ (])(vsmtp [a-z][^|"]*)/.exec(line)?.[1]?.trim() ?? [])
    .filter((command) => !command.includes("COMMAND"));
}
