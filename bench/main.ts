// npm run bench [-- NAME…] [--seconds N] [--runs N] [--accounts N]: measures, each benchmark in a process of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onCore } from "./harness.ts";

const benchmarks = [
  "message",
  "memory",
  "key-server",
  "lookup-peers",
  "million-accounts",
  "private-interface",
  "pipeline",
  "connections",
  "sending",
  "sending-logins",
  "receiving",
  "milter",
  "lookup-bound",
  "queue",
  "transit",
];

const { names, effort } = readArguments();
for (const name of names) {
  // On the first core; the servers that a benchmark starts are put on the second.
  const [command, ...args] = onCore(0, [
    process.execPath,
    join(import.meta.dirname, `${name}.ts`),
    ...effort,
  ]);
  const { status } = spawnSync(command as string, args, { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

function readArguments(): { names: readonly string[]; effort: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: "string" }, runs: { type: "string" }, accounts: { type: "string" } },
      allowPositionals: true,
    });
    const unknown = positionals.find((name) => !benchmarks.includes(name));
    if (unknown !== undefined)
      throw new Error(`no benchmark "${unknown}"; there are ${benchmarks.join(", ")}`);
    return {
      names: positionals.length > 0 ? positionals : benchmarks,
      effort: Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]),
    };
  } catch (error) {
    console.error(`npm run bench: ${(error as Error).message}`);
    return process.exit(2);
  }
}
