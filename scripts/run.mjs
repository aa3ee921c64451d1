#!/usr/bin/env node
// Runs a program of this checkout with Node 24, installing first what is missing.
// Plain JavaScript for any Node >= 18: it must work before anything is installed.
//   node scripts/run.mjs FILE [ARGUMENT]…
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stamp = join(modules, ".vsmtp-installed");
const bundledNode = join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");

function fail(what, remedy) {
  process.stderr.write(`vsmtp: ${what}\n       ${remedy}\n`);
  process.exit(1);
}

function install() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write("vsmtp: installing dependencies and Node 24 from npm (once) …\n");
  const npm = process.env.npm_execpath
    ? [process.execPath, [process.env.npm_execpath]]
    : [process.platform === "win32" ? "npm.cmd" : "npm", []];
  const done = spawnSync(npm[0], [...npm[1], "install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: { ...process.env, npm_config_omit: "", NODE_ENV: "development" },
  });
  if (done.error) fail(`npm could not be started: ${done.error.message}`, "Install npm (it comes with Node.js).");
  if (done.status !== 0) {
    fail(`"npm install" ended with status ${done.status}; its messages are above.`, "Check the connection to the npm registry and the free disk space, then try again.");
  }
  writeFileSync(stamp, createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex"));
}

/** The Node to run with: the one from npm, or this one when it is new enough. */
function node24() {
  if (existsSync(bundledNode) && spawnSync(bundledNode, ["-v"]).status === 0) return bundledNode;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  return fail(
    `this is Node ${process.versions.node} and the npm package "node" brought no Node 24 for ${process.platform}-${process.arch}.`,
    "Install Node 24 or newer, or delete node_modules and run the command again.",
  );
}

install();
const child = spawn(node24(), process.argv.slice(2), {
  stdio: "inherit",
  cwd: process.env.VSMTP_KEEP_CWD ? process.cwd() : root,
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 128 + (signal === "SIGINT" ? 2 : 15) : code));
child.on("error", (error) => fail(`Node 24 could not be started: ${error.message}`, "Delete node_modules and run the command again."));
