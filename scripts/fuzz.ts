// npm run fuzz: gives hostile input to a parser or session until the count is reached or something breaks:
//   npm run fuzz -- vault --count 1000000 --seed 7
// Each target is a file of test/fuzz/. Input n depends on the seed and n alone, so --only n repeats one.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FuzzTarget, Random } from "../test/fuzz/fuzz-target.ts";

const folder = join(import.meta.dirname, "../test/fuzz");
const { name, count, seed, only } = readArguments();
const { target } = (await import(join(folder, `${name}.ts`))) as { target: FuzzTarget };

const begin = performance.now();
const first = only ?? 0;
const end = only === null ? count : only + 1;
let total = 0;
let most = 0;
for (let number = first; number < end; number++) {
  try {
    const measured = await target.run(new Random(seed, number));
    total += measured;
    most = Math.max(most, measured);
  } catch (error) {
    console.error(
      `input ${number} of seed ${seed} broke ${name}; repeat it with --seed ${seed} --only ${number}`,
    );
    throw error;
  }
}
await target.close?.();
const seconds = (performance.now() - begin) / 1000;
const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
console.log(
  `${name}: ${end - first} inputs of seed ${seed} in ${seconds.toFixed(1)} s, ${memory} MiB, ` +
    `${total} ${target.measure}, at most ${most} in one: nothing broke`,
);

function readArguments(): { name: string; count: number; seed: number; only: number | null } {
  const targets = readdirSync(folder)
    .filter((file) => file !== "fuzz-target.ts")
    .map((file) => file.replace(/\.ts$/, ""));
  const { values, positionals } = parseArgs({
    options: {
      count: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
    },
    allowPositionals: true,
  });
  const [name = ""] = positionals;
  if (positionals.length !== 1 || !existsSync(join(folder, `${name}.ts`)) || !targets.includes(name)) {
    console.error(
      `usage: npm run fuzz -- TARGET [--count N] [--seed N] [--only N]; targets: ${targets.join(", ")}`,
    );
    process.exit(2);
  }
  return {
    name,
    count: Number(values.count),
    seed: Number(values.seed),
    only: values.only === undefined ? null : Number(values.only),
  };
}
