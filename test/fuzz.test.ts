// The targets of npm run fuzz, a few inputs each.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type FuzzTarget, Random } from "./fuzz/fuzz-target.ts";

const folder = join(import.meta.dirname, "fuzz");

for (const file of readdirSync(folder).filter((name) => name !== "fuzz-target.ts")) {
  test(`hostile input: ${file.replace(/\.ts$/, "")}`, async (t) => {
    const { target } = (await import(join(folder, file))) as { target: FuzzTarget };
    t.after(() => target.close?.());
    const seed = Math.floor(Math.random() * 2 ** 32);
    for (let number = 0; number < (target.few ?? 3000); number++) {
      try {
        await target.run(new Random(seed, number));
      } catch (error) {
        assert.fail(
          `input ${number} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`,
        );
      }
    }
  });
}
