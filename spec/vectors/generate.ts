// Writes every vector to a file of its own, or with --check compares what stands there, byte for byte:
//   node spec/vectors/generate.ts [--check]
// It imports nothing from src/: the vectors must not be made by the code they test.
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { families } from "./generator/families.ts";
import { vectorText } from "./generator/vector.ts";

const folder = import.meta.dirname;
const check = process.argv[2] === "--check";
if (process.argv.length > (check ? 3 : 2)) {
  process.stderr.write("usage: node spec/vectors/generate.ts [--check]\n");
  process.exit(2);
}

const wanted = new Map<string, string>();
for (const family of families) {
  for (const one of family.cases) {
    const path = `${family.folder}/${one.name}.json`;
    if (wanted.has(path)) throw new Error(`two vectors are named ${path}`);
    wanted.set(path, vectorText(family.folder, one));
  }
}
const present = globSync("**/*.json", { cwd: folder }).map((path) => path.replaceAll("\\", "/"));
const problems: string[] = [];
for (const path of present.filter((path) => !wanted.has(path))) {
  problems.push(`${path}: no case makes this file; delete it`);
  if (!check) rmSync(join(folder, path));
}
for (const [path, text] of wanted) {
  const found = present.includes(path) ? readFileSync(join(folder, path), "utf8") : null;
  if (found === text) continue;
  problems.push(`${path}: ${found === null ? "missing" : "differs"}; run node spec/vectors/generate.ts`);
  if (check) continue;
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

if (check) {
  for (const problem of problems.sort()) process.stdout.write(`spec/vectors/${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
const counts = families.map(({ folder: name, cases }) => `${name} ${cases.length}`);
process.stdout.write(`${wanted.size} vectors: ${counts.join(", ")}\n`);
