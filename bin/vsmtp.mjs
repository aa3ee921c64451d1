#!/usr/bin/env node
// What the published package installs as "vsmtp". Plain JavaScript, so that an older Node can say what it lacks.
import * as module from "node:module";

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`vsmtp: this is Node ${process.versions.node}; vsmtp needs Node 24 or newer.\n`);
  process.exit(2);
}
module.enableCompileCache();
await import("../dist/cli/main.js");
