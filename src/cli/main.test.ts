import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { commandTable } from "./command-table.ts";
import { EXIT } from "./exit-status.ts";
import { type CommandFile, runCommand } from "./run-command.ts";
import { allCommands } from "./test-commands-page.ts";
import { UsageError } from "./usage-error.ts";

const mainFile = join(import.meta.dirname, "main.ts");

function vsmtp(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [mainFile, ...args], { encoding: "utf8", input: "" });
}

function commandFile(define: (command: Command, done: (status: number) => void) => void): CommandFile {
  return { define };
}

test("help and version end with 0, on standard output", () => {
  for (const args of [[], ["--help"], ["-h"], ["help"]]) {
    const { status, stdout, stderr } = vsmtp(...args);
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: vsmtp COMMAND/);
    assert.equal(stderr, "");
  }
  assert.match(vsmtp("--version").stdout, /^\d+\.\d+\.\d+\n$/);
});

test("every command that --help lists has help; a wrong command line is one line and status 2", async () => {
  const names = [...vsmtp("--help").stdout.matchAll(/^ {2}(\S+) {2}/gm)].map((found) => found[1] as string);
  assert.deepEqual(new Set(names), new Set(Object.values(commandTable).flatMap(Object.keys)));
  for (const { path, command } of await allCommands()) {
    assert.match(command.helpInformation(), new RegExp(`^Usage: ${path}[ \n]`));
  }
  for (const args of [["sign"], ["account", "suspend"]]) {
    const { status, stdout, stderr } = vsmtp(...args, "--help");
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^Usage: vsmtp ${args.join(" ")} `));
    const wrong = vsmtp(...args, "--no-such-option");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^vsmtp: [^\n]*\n$/);
    assert.equal(wrong.stdout, "");
  }
  const { status, stderr } = vsmtp("sing");
  assert.equal(status, 2);
  assert.equal(stderr, 'vsmtp: there is no command "sing": vsmtp --help lists them\n');
  assert.equal(vsmtp("constructor").status, 2);
});

test("options are written as in manual pages and take their value", async () => {
  let given: unknown;
  const file = commandFile((command, done) => {
    command
      .command("add")
      .option("--key FILE", "a file")
      .option("--all")
      .argument("NAME")
      .action((name, options) => {
        given = { name, ...options };
        done(EXIT.temporary);
      });
  });
  assert.equal(await runCommand("try", "summary", file, ["add", "--key", "a.pem", "--all", "bob"]), 75);
  assert.deepEqual(given, { name: "bob", key: "a.pem", all: true });
});

test("what the user can mend is a UsageError of one line", async () => {
  const file = commandFile((command) => {
    command
      .command("add")
      .requiredOption("--rcpt ADDR", "an address")
      .action(() => {});
    command.command("list").action(() => {});
  });
  for (const [args, message] of [
    [[], "a subcommand is missing: add, list (vsmtp try --help tells more)"],
    [["ad"], "unknown command 'ad' (Did you mean add?) (vsmtp try --help tells more)"],
    [["add"], "required option '--rcpt ADDR' not specified (vsmtp try add --help tells more)"],
    [["add", "--rcpt"], "option '--rcpt ADDR' argument missing (vsmtp try add --help tells more)"],
    [["list", "--rcp"], "unknown option '--rcp' (vsmtp try list --help tells more)"],
  ] as const) {
    await assert.rejects(runCommand("try", "summary", file, args), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, message);
      return true;
    });
  }
});

test("an exception of an action is passed on as it is", async () => {
  const bug = new TypeError("bug");
  const file = commandFile((command) => {
    command.action(() => Promise.reject(bug));
  });
  await assert.rejects(runCommand("try", "summary", file, []), bug);
});
