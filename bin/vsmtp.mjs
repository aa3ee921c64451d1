#!/usr/bin/env node
// What the published package installs as "vsmtp". Plain JavaScript, so that an older Node can say what it lacks.
import * as module from "node:module";

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`vsmtp: this is Node ${process.versions.node}; vsmtp needs Node 24 or newer.\n`);
  process.exit(2);
}
// Large messages pass in small pieces, whose buffers stay until young objects are collected: at 4 MiB of them instead of 16
// that costs no time, and servers take 10 to 60 MiB less. The process stays the same one, where the system can do that.
const youngGeneration = "--max-semi-space-size=4";
const isServer = ["serve", "milter"].includes(process.argv[2]);
if (isServer && process.platform !== "win32" && !process.execArgv.includes(youngGeneration)) {
  const [, program, ...args] = process.argv;
  process.execve?.(process.execPath, [
    process.execPath,
    ...process.execArgv,
    youngGeneration,
    program,
    ...args,
  ]);
}
module.enableCompileCache();
await import("../dist/cli/main.js");
