#!/usr/bin/env node
// Runs a program of this checkout with Node 24, installing first what is missing:
//   node scripts/run.mjs FILE [ARGUMENT]…      (FILE relative to the checkout)
// Plain JavaScript for Node 18 and newer, since it must work before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const onWindows = process.platform === "win32";
const stamp = join(root, "node_modules", ".vsmtp-installed");
const nodeOfNpm = join(root, "node_modules", "node", "bin", onWindows ? "node.exe" : "node");

// Node keeps what it compiled, types stripped: programs start in half the time.
const env = { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "vsmtp"), ...process.env };

function fail(what, remedy) {
  process.stderr.write(`vsmtp: ${what}\n       ${remedy}\n`);
  process.exit(1);
}

/** Installs unless package.json, its lock file and the machine are those of the last installation. */
function install() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  for (const name of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, name)));
  const wanted = hash.digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  runNpm();
  compileOnce();
  writeFileSync(stamp, wanted);
}

/** Fills the compile cache, so that the first start is as quick as later ones. What goes wrong here shows then. */
function compileOnce() {
  const program = 'await import("./src/cli/serve.ts"); await import("./src/cli/playground.ts");';
  const options = { cwd: root, env, stdio: "ignore", timeout: 60_000 };
  spawnSync(findNode24(), ["--input-type=module", "-e", program], options);
}

function runNpm() {
  process.stderr.write("vsmtp: installing dependencies and Node 24 from npm (once) …\n");
  // Not "npm ci": the lock file may lack the entries of another platform. --no-save leaves it as it is.
  const options = ["--include=dev", "--include=optional", "--no-save", "--engine-strict=false"];
  const command = ["install", ...options, "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath ?? "";
  const usable = /^npm-cli\.c?js$/.test(basename(npm)); // not when yarn or pnpm runs this
  const done = usable
    ? spawnSync(process.execPath, [npm, ...command], { cwd: root, stdio: ["ignore", 2, 2] })
    : spawnSync(onWindows ? "npm.cmd" : "npm", command, {
        cwd: root,
        stdio: ["ignore", 2, 2],
        shell: onWindows,
      });
  if (done.error)
    fail(`npm could not be started (${done.error.code}).`, "Install npm; it comes with Node.js.");
  if (done.signal) process.exit(128 + constants.signals[done.signal]);
  if (done.status !== 0) {
    fail(
      `"npm install" failed with status ${done.status}; its messages are above.`,
      "Check the way to the npm registry and the free disk space, then run the command again.",
    );
  }
}

/** The Node to run with: the one from npm, or this one when it is new enough. */
function findNode24() {
  if (existsSync(nodeOfNpm) && spawnSync(nodeOfNpm, ["--version"]).status === 0) return nodeOfNpm;
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  return fail(
    `this is Node ${process.versions.node}, and npm brought no Node 24 that runs on ${process.platform}-${process.arch}.`,
    'Install Node 24 or newer; or, if npm is set to "ignore-scripts", allow scripts, delete node_modules and try again.',
  );
}

if (Number.parseInt(process.versions.node, 10) < 18) {
  fail(`this is Node ${process.versions.node}.`, "Install Node 18 or newer; the rest comes from npm.");
}
const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail("no program named.", "Usage: node scripts/run.mjs FILE [ARGUMENT]…");
try {
  install();
} catch (error) {
  fail(`the installation cannot be recorded: ${error.message}`, "Make the checkout writable for you.");
}

const child = spawn(findNode24(), [resolve(root, file), ...args], { stdio: "inherit", env });
child.on("error", (error) =>
  fail(`Node 24 could not be started: ${error.message}`, "Delete node_modules and try again."),
);
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // A terminal sends Ctrl-C to the child as well; a second one would tell it to hurry.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
