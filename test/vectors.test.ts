// Runs every vector of spec/vectors against the code: one assertion each, named as its file.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runVector, type Vector } from "./run-vector.ts";

const folder = join(import.meta.dirname, "../spec/vectors");
const paths = globSync("*/*.json", { cwd: folder }).map((path) => path.replaceAll("\\", "/"));

for (const family of new Set(paths.map((path) => path.split("/")[0] as string).sort())) {
  describe(family, () => {
    for (const path of paths.filter((one) => one.startsWith(`${family}/`)).sort()) {
      const vector = JSON.parse(readFileSync(join(folder, path), "utf8")) as Vector;
      test(`${vector.name} (${vector.requirements.join(", ")}): ${vector.about}`, async () => {
        assert.equal(path, `${vector.family}/${vector.name}.json`);
        const outcome = await runVector(vector);
        assert.deepEqual(only(outcome, Object.keys(vector.expected)), vector.expected);
      });
    }
  });
}

test("every requirement that a vector names is defined and built", () => {
  const specification = globSync("*.md", { cwd: join(folder, "..") })
    .map((file) => readFileSync(join(folder, "..", file), "utf8"))
    .join("\n");
  const built = new Set(
    [...specification.matchAll(/^\*\*([A-Z]+-\d+)\*\*(?! \*\(later\)\*)/gm)].map((found) => found[1]),
  );
  for (const path of paths) {
    const { requirements } = JSON.parse(readFileSync(join(folder, path), "utf8")) as Vector;
    for (const id of requirements) assert.ok(built.has(id), `${path} names ${id}`);
  }
});

test("the vectors are there", () => assert.ok(paths.length >= 220, `only ${paths.length} vectors`));

/** What the vector makes a statement about; the rest of an outcome is free. */
function only(outcome: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, outcome[name]]));
}
