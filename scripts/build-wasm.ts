// Assembles src/signature/body-canonicalizer.wat into the TypeScript file that holds its octets.
//   node scripts/build-wasm.ts           writes it
//   node scripts/build-wasm.ts --check   fails when it is not what the source gives
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import wabt from "wabt";

const folder = join(import.meta.dirname, "../src/signature");
const source = join(folder, "body-canonicalizer.wat");
const target = join(folder, "body-canonicalizer.wasm.ts");

const assembler = await wabt();
const assembled = assembler.parseWat(source, readFileSync(source, "utf8"), { simd: true });
const base64 = Buffer.from(assembled.toBinary({}).buffer).toString("base64");
const lines = base64.match(/.{1,100}/g) ?? [];
const text = `// Assembled from body-canonicalizer.wat by scripts/build-wasm.ts; edit that file, not this one.
export const bodyCanonicalizerWasm: string = [
${lines.map((line) => `  "${line}",\n`).join("")}].join("");
`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    process.stderr.write(
      `${target} is not what body-canonicalizer.wat gives: run "node scripts/build-wasm.ts".\n`,
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
