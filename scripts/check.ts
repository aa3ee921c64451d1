// npm run check: everything about the source that can be checked without running it.
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";

const steps: readonly (readonly [name: string, ...command: string[]])[] = [
  ["format and lint", "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"],
  ["types", "node_modules/typescript/bin/tsc", "--noEmit"],
  ["layers", "scripts/check-layers.ts"],
  ["citations", "scripts/check-citations.ts"],
  ["vectors unchanged", "spec/vectors/generate.ts", "--check"],
  ["wasm built from its source", "scripts/build-wasm.ts", "--check"],
];

let failed = 0;
for (const [name, ...command] of steps) {
  const start = performance.now();
  const done = spawnSync(process.execPath, command, {
    cwd: dirname(import.meta.dirname),
    encoding: "utf8",
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${done.status === 0 ? "✔" : "✖"} ${name} (${seconds} s)`);
  if (done.status === 0) continue;
  failed++;
  console.log(`${done.stdout}${done.stderr}${done.error?.message ?? ""}`);
}
console.log(failed === 0 ? "All checks passed." : `${failed} of ${steps.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
