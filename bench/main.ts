// npm run bench [-- NAME…] [--seconds N] [--runs N]: measures, each benchmark in a process of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onCore } from "./harness.ts";

// What only calls functions runs on one core; the others place their own processes.
const benchmarks: Readonly<Record<string, { readonly oneCore: boolean }>> = {
  message: { oneCore: true },
  memory: { oneCore: false },
  "key-server": { oneCore: false },
};

const { names, effort } = readArguments();
for (const name of names) {
  const node = [process.execPath, join(import.meta.dirname, `${name}.ts`), ...effort];
  const [command, ...args] = benchmarks[name]?.oneCore ? onCore(0, node) : node;
  const { status } = spawnSync(command as string, args, { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

function readArguments(): { names: readonly string[]; effort: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: "string" }, runs: { type: "string" } },
      allowPositionals: true,
    });
    const known = Object.keys(benchmarks);
    const unknown = positionals.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new Error(`no benchmark "${unknown}"; there are ${known.join(", ")}`);
    return {
      names: positionals.length > 0 ? positionals : known,
      effort: Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]),
    };
  } catch (error) {
    console.error(`npm run bench: ${(error as Error).message}`);
    return process.exit(2);
  }
}
