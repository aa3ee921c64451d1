import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { checkLayers } from "./check-layers.ts";
import { listImports } from "./imports.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-layers-"));
after(() => rmSync(folder, { recursive: true }));
let trees = 0;

/** Writes a project of small files that breaks a rule, or none, and says what the check finds. */
function problemsOf(files: Record<string, string>): string[] {
  const root = join(folder, String(trees++));
  const all = {
    "package.json": '{ "name": "us", "dependencies": { "pkg": "1" }, "devDependencies": { "dev-pkg": "1" } }',
    "src/message/index.ts": "export const message = 1;",
    "src/signature/index.ts": 'import { message } from "../message/index.ts"; export const s = message;',
    "src/keyring/index.ts": "export const keyring = 1;",
    "src/dns/index.ts": "export const dns = 1;",
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkLayers(root);
}

function refused(files: Record<string, string>, ...expected: RegExp[]) {
  const problems = problemsOf(files);
  assert.equal(problems.length, expected.length, problems.join("\n"));
  for (const [index, pattern] of expected.entries()) assert.match(problems[index] as string, pattern);
}

test("a tree that keeps every rule has no problems", () => {
  assert.deepEqual(
    problemsOf({
      "src/mx/index.ts":
        'import "node:net"; import "pkg/deep"; import { dns } from "../dns/index.ts"; import "./a.ts";',
      "src/mx/a.ts": 'import type { keyring } from "../keyring/index.ts"; import type { b } from "./b.ts";',
      "src/mx/b.ts": "export const b = 1;",
      "src/mx/test-mail.ts": 'import "dev-pkg"; import "./b.ts";',
      "src/mx/b.test.ts": 'import { mail } from "./test-mail.ts";',
      "src/mx/a.test.ts":
        'import "dev-pkg"; import "../keyring/index.ts"; import "./a.ts"; import "../store/index.ts";',
      "src/store/index.ts": 'import type { keyring } from "../keyring/index.ts";',
      "src/index.ts": 'export { message } from "./message/index.ts";',
      "src/cli/main.ts": 'await import("./serve.ts");',
      "src/cli/serve.ts": 'import "../store/index.ts"; import "../playground/index.ts";',
      "src/playground/index.ts": 'import "../mx/index.ts";',
      "test/whole.test.ts":
        'import "../src/playground/index.ts"; import "../src/index.ts"; import "./help.ts";',
      "test/help.ts": 'import "dev-pkg"; import "../src/mx/test-mail.ts";',
    }),
    [],
  );
});

test("layer: imports go down only", () => {
  refused(
    { "src/dns/a.ts": '\nimport { m } from "../mx/index.ts";', "src/mx/index.ts": "" },
    /^src\/dns\/a\.ts:2: layer: /,
  );
  refused(
    { "src/keyring/a.ts": 'import "../queue/index.ts";', "src/queue/index.ts": "" },
    /layer 2\) may not import queue/,
  );
  refused(
    { "src/keyring/a.ts": 'import type { m } from "../mx/index.ts";', "src/mx/index.ts": "" },
    /: layer: /,
  );
  refused(
    { "src/delivery/index.ts": 'await import("../store/index.ts");', "src/store/index.ts": "" },
    /: layer: /,
  );
});

test("layer: a module with a list of its own imports nothing else", () => {
  refused({ "src/smtp/index.ts": 'import "../dns/index.ts";' }, /smtp may import deadline, message, not dns/);
  refused(
    { "src/config/index.ts": 'export * from "../message/index.ts";' },
    /config may import no other module, not message/,
  );
});

test("layer: a folder that the table does not know", () => {
  refused({ "src/utils/index.ts": "" }, /^src\/utils\/index\.ts:1: layer: no module "utils"/);
});

test("layer: the product imports nothing from outside and no test", () => {
  refused(
    { "src/mx/index.ts": 'import "../../test/help.ts";', "test/help.ts": "" },
    /layer: test\/help\.ts is no part/,
  );
  refused(
    { "src/mx/b.test.ts": 'import "./a.test.ts";', "src/mx/a.test.ts": "" },
    /layer: src\/mx\/a\.test\.ts is a test/,
  );
  refused(
    { "src/mx/index.ts": 'import "./test-mail.ts";', "src/mx/test-mail.ts": "" },
    /layer: .* is for tests/,
  );
});

test("layer: a test beside a module does not import a program", () => {
  const program = { "src/cli/main.ts": "" };
  refused(
    { ...program, "src/mx/a.test.ts": 'import "../cli/main.ts";' },
    /layer: a test beside mx may not import cli/,
  );
  assert.deepEqual(problemsOf({ ...program, "src/cli/a.test.ts": 'import "./main.ts";' }), []);
});

test("layer: vectors are not made by the code they test", () => {
  refused(
    { "spec/vectors/generate.ts": 'import "../../src/signature/index.ts";' },
    /layer: spec\/ imports nothing from src/,
  );
  assert.deepEqual(
    problemsOf({ "spec/vectors/generate.ts": 'import "./a.ts";', "spec/vectors/a.ts": "" }),
    [],
  );
});

test("layer: examples use the package as others do, and it does not use itself", () => {
  refused(
    { "examples/a.ts": 'import "../src/index.ts";', "src/index.ts": "" },
    /layer: examples\/ imports nothing/,
  );
  assert.deepEqual(problemsOf({ "examples/a.ts": 'import "us/part"; import "dev-pkg";' }), []);
  refused({ "src/mx/index.ts": 'import "us";' }, /package: us is not under/);
});

test("entry: nobody imports past another module's entry file", () => {
  const inner = { "src/dns/zone.ts": "" };
  refused(
    { ...inner, "src/mx/index.ts": 'import "../dns/zone.ts";' },
    /entry: src\/dns\/zone\.ts is inside dns; import src\/dns\/index\.ts/,
  );
  refused({ ...inner, "src/mx/a.test.ts": 'import "../dns/zone.ts";' }, /: entry: /);
  const shared = { "src/dns/test-zone.ts": "" };
  assert.deepEqual(problemsOf({ ...shared, "src/mx/a.test.ts": 'import "../dns/test-zone.ts";' }), []);
  refused({ ...shared, "src/mx/a.ts": 'import "../dns/test-zone.ts";' }, /: layer: /);
  refused({ ...inner, "test/a.test.ts": 'import "../src/dns/zone.ts";' }, /: entry: /);
  refused({ ...inner, "src/index.ts": 'export * from "./dns/zone.ts";' }, /: entry: /);
});

test("reach: roles without private keys never load them, not even through others", () => {
  const delivery = {
    "src/delivery/index.ts": 'import "./a.ts";',
    "src/delivery/a.ts": 'import "../keyring/index.ts";',
  };
  refused(
    { ...delivery, "src/mx/index.ts": '\n\nimport "../delivery/index.ts";' },
    /^src\/mx\/index\.ts:3: reach: mx .* keyring, .*: src\/delivery\/index\.ts → src\/delivery\/a\.ts → src\/keyring\/index\.ts;/,
  );
  refused({ "src/verification/index.ts": 'import { k } from "../keyring/index.ts";' }, /: reach: /);
  refused({ "src/key-server/index.ts": 'import { type K } from "../keyring/index.ts";' }, /: reach: /);
  assert.deepEqual(
    problemsOf({ "src/key-server/index.ts": 'import type { K } from "../keyring/index.ts";' }),
    [],
  );
  refused(
    {
      "src/signing/index.ts": "",
      "src/mx/index.ts": 'await import("../delivery/index.ts");',
      "src/delivery/index.ts": 'import "../signing/index.ts";',
    },
    /layer: delivery .* may not import signing/,
    /: reach: mx must run without signing/,
  );
});

test("cycle: no file imports itself through others, types included", () => {
  refused(
    { "src/dns/a.ts": 'import "./b.ts";', "src/dns/b.ts": '\nexport type { A } from "./a.ts";' },
    /^src\/dns\/b\.ts:2: cycle: src\/dns\/a\.ts → src\/dns\/b\.ts → src\/dns\/a\.ts;/,
  );
});

test("pure: modules that only compute take neither packages nor input and output", () => {
  refused({ "src/message/a.ts": 'import "pkg";' }, /pure: message imports no package, so not pkg/);
  refused(
    { "src/signature/a.ts": 'import { readFile } from "node:fs/promises";' },
    /pure: signature only computes/,
  );
  assert.deepEqual(problemsOf({ "src/signature/a.ts": 'import "node:crypto";' }), []);
});

test("package: the product imports only declared dependencies", () => {
  refused({ "src/mx/index.ts": 'import "dev-pkg";' }, /package: dev-pkg is not under "dependencies"/);
  refused(
    { "test/a.test.ts": 'import "@scope/other/deep";' },
    /package: @scope\/other is not in package\.json/,
  );
});

test("missing: imported files exist and can be read from the source", () => {
  refused({ "src/mx/index.ts": 'import "./gone.ts";' }, /missing: there is no file src\/mx\/gone\.ts/);
  refused({ "src/mx/index.ts": "await import(name);" }, /missing: computed import/);
  refused({ "src/mx/index.ts": 'new Worker(new URL("./gone.ts", import.meta.url));' }, /missing: /);
});

test("imports in comments, strings, templates and regular expressions are none", () => {
  const source = String.raw`// import "no"
/* import "no" */ const s = "import 'no'"; const t = ${"`"}import "no" ${"${"} await import("./1.ts") } import "no"${"`"};
import a, { b } from "./2.ts";
import type { c } from "./3.ts";
import type from "./4.ts"; import { type d } from "./5.ts";
export * from "./6.ts"; export * as n from "./7.ts"; export type { q } from "./8.ts"; export type * from "./9.ts";
export { x, y as z }; export { from }; export const from = "import";
const r = /import "no"/g, q = a / b / c; const u = x ? /[/"]/ : 1; s.replace(/"/g, '\'');
import "./10.ts"; import.meta.url; thing.import("no"); await import(name); new URL("https://no.ts");
${"`"}a ${"${"} ${"`"}b ${"${"} {a: /"/} } c${"`"} } "${"`"}; import "./11.ts";
new Worker(new URL("./12.ts", import.meta.url)); require("13");`;
  assert.deepEqual(
    listImports(source).map(
      ({ specifier, line, typeOnly }) => `${line} ${specifier}${typeOnly ? " type" : ""}`,
    ),
    "2 ./1.ts,3 ./2.ts,4 ./3.ts type,5 ./4.ts,5 ./5.ts,6 ./6.ts,6 ./7.ts,6 ./8.ts type,6 ./9.ts type,9 ./10.ts,9 null,10 ./11.ts,11 ./12.ts,11 13".split(
      ",",
    ),
  );
});
