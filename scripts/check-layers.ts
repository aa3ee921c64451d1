// Checks that the imports of the source files keep to layers.ts.
//   layer     imports go down only, and only where the table allows it
//   entry     other modules are imported through their entry file
//   reach     what a module must never load is not loaded through others either (types are erased)
//   cycle     no file imports itself through others, types included
//   pure      modules that only compute import neither packages nor Node's input and output
//   package   the product imports only what package.json lists under "dependencies"
//   missing   imported files exist, and the import can be read from the source
// A test beside its module (*.test.ts, with test-*.ts for what tests share) may import its own module's
// files, the entry files of all modules but programs, and what the tests of other modules share. So may test/, and
// programs too; bench/ and scripts/ the same but for what tests share. spec/ imports nothing from src/: vectors must
// not be made by the code they test. Neither does examples/: they import the package by its name, as whoever uses it does.
import { existsSync, globSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, posix } from "node:path";
import { type Import, listImports } from "./imports.ts";
import { type Layers, layers } from "./layers.ts";

const outsideFolders = ["bench", "examples", "scripts", "spec", "test"];
const inputAndOutput =
  /^node:(?:child_process|cluster|dgram|dns|fs|http2?|https|net|os|readline|sqlite|tls|tty|wasi|worker_threads)(?:\/|$)/;

interface SourceFile {
  readonly path: string; // from the root, with slashes
  readonly module: string | null; // null: outside src/
  readonly isTest: boolean;
  readonly imports: readonly SourceImport[];
}

interface SourceImport extends Import {
  readonly target: string | null; // the path, when it is a file of ours
}

interface Project {
  /** The package's own name, by which only others import it. */
  readonly name: string | null;
  readonly table: Layers;
  readonly files: ReadonlyMap<string, SourceFile>;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

/** Every problem as one line: file:line: rule: what is wrong; what to do. */
export function checkLayers(root: string, table: Layers = layers): string[] {
  const project = readProject(root, table);
  const files = [...project.files.values()];
  const unknown = files.filter((file) => file.module !== null && !table[file.module]);
  if (unknown.length > 0) {
    return unknown.map(
      ({ path, module }) => `${path}:1: layer: no module "${module}" in scripts/layers.ts; add it`,
    );
  }
  return [
    ...files.flatMap((file) =>
      file.imports.flatMap((found) =>
        checkImport(project, file, found).map((text) => `${file.path}:${found.line}: ${text}`),
      ),
    ),
    ...files.flatMap((file) => checkReach(project, file)),
    ...checkCycles(project),
  ];
}

function readProject(root: string, table: Layers): Project {
  const paths = globSync(
    ["src", ...outsideFolders].map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  );
  const files = paths.map((name) => {
    const path = name.replaceAll("\\", "/");
    const imports = listImports(readFileSync(join(root, path), "utf8")).map((found) => ({
      ...found,
      target: found.specifier?.startsWith(".") ? posix.join(dirname(path), found.specifier) : null,
    }));
    return { path, module: moduleOf(path), isTest: /(?:\.test|\/test-[^/]*)\.ts$/.test(path), imports };
  });
  const packageFile = join(root, "package.json");
  const {
    name = null,
    dependencies = {},
    devDependencies = {},
  } = existsSync(packageFile) ? JSON.parse(readFileSync(packageFile, "utf8")) : {};
  return {
    name,
    table,
    files: new Map(files.sort((a, b) => (a.path < b.path ? -1 : 1)).map((file) => [file.path, file])),
    dependencies: Object.keys(dependencies),
    devDependencies: Object.keys(devDependencies),
  };
}

function moduleOf(path: string): string | null {
  const [top, folder, inside] = path.split("/");
  if (top !== "src") return null;
  return inside === undefined ? "library" : (folder as string);
}

function checkImport(project: Project, file: SourceFile, { specifier, target }: SourceImport): string[] {
  const own = file.module === null || file.isTest ? null : (project.table[file.module] ?? null);
  if (specifier === null) return own ? ["missing: computed import; write the path as a string"] : [];
  if (target === null) return checkPackage(project, file, own?.pure === true, specifier);

  const imported = project.files.get(target);
  if (!imported) return [`missing: there is no file ${target}`];
  if (target.endsWith(".test.ts"))
    return [`layer: ${target} is a test; move what is shared into a file test-*.ts`];
  if (imported.isTest && (file.isTest || file.path.startsWith("test/"))) return [];
  if (imported.isTest) return [`layer: ${target} is for tests; move what is needed out of it`];
  if (imported.module === file.module) return [];
  if (imported.module === null)
    return [`layer: ${target} is no part of the product; move what is needed into src/`];

  if (file.path.startsWith("spec/"))
    return ["layer: spec/ imports nothing from src/, whose code its vectors test"];
  if (file.path.startsWith("examples/"))
    return ["layer: examples/ imports nothing from src/; import the package by its name"];

  const problems: string[] = [];
  const entry = project.table[imported.module]?.entry ?? `src/${imported.module}/index.ts`;
  if (target !== entry) problems.push(`entry: ${target} is inside ${imported.module}; import ${entry}`);
  const refusal = refuseDirection(project.table, file, imported.module);
  if (refusal) problems.push(`layer: ${refusal}`);
  return problems;
}

function checkPackage(project: Project, file: SourceFile, pure: boolean, specifier: string): string[] {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    const refused = pure && inputAndOutput.test(specifier);
    return refused ? [`pure: ${file.module} only computes; pass in what it needs from ${specifier}`] : [];
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (pure) return [`pure: ${file.module} imports no package, so not ${name} either`];
  if (project.dependencies.includes(name)) return [];
  const isProduct = file.module !== null && !file.isTest;
  if (isProduct) return [`package: ${name} is not under "dependencies" in package.json`];
  return name === project.name || project.devDependencies.includes(name)
    ? []
    : [`package: ${name} is not in package.json`];
}

function refuseDirection(table: Layers, file: SourceFile, imported: string): string | null {
  const own = file.module === null ? undefined : table[file.module];
  const target = table[imported];
  if (!own || !target) return null;
  if (file.isTest) {
    const refused = target.program && !own.program;
    return refused ? `a test beside ${file.module} may not import ${imported}; move the test to test/` : null;
  }
  if (own.only) {
    if (own.only.includes(imported)) return null;
    return `${file.module} may import ${own.only.join(", ") || "no other module"}, not ${imported}; pass in what it needs`;
  }
  if (target.layer < own.layer) return null;
  return `${file.module} (layer ${own.layer}) may not import ${imported} (layer ${target.layer}); pass in what it needs`;
}

/** Follows the imports that remain at run time from one file to a module it must never load. */
function checkReach(project: Project, start: SourceFile): string[] {
  const forbidden =
    start.module === null || start.isTest ? [] : (project.table[start.module]?.neverLoads ?? []);
  if (forbidden.length === 0) return [];
  const seen = new Set([start.path]);
  const waiting: { file: SourceFile; line: number; trail: string[] }[] = [
    { file: start, line: 1, trail: [] },
  ];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    for (const { target, typeOnly, line } of next.file.imports) {
      const file = target === null || typeOnly ? undefined : project.files.get(target);
      if (!file || seen.has(file.path)) continue;
      seen.add(file.path);
      const trail = [...next.trail, file.path];
      const firstLine = trail.length === 1 ? line : next.line;
      if (file.module !== null && forbidden.includes(file.module)) {
        const text = `${start.module} must run without ${file.module}, yet loads it: ${trail.join(" → ")}`;
        return [`${start.path}:${firstLine}: reach: ${text}; import the type only, or pass the object in`];
      }
      waiting.push({ file, line: firstLine, trail });
    }
  }
  return [];
}

function checkCycles({ files }: Project): string[] {
  const problems: string[] = [];
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (file: SourceFile) => {
    trail.push(file.path);
    for (const { target, line } of file.imports) {
      const next = target === null ? undefined : files.get(target);
      if (!next || finished.has(next.path)) continue;
      const start = trail.indexOf(next.path);
      if (start < 0) visit(next);
      else {
        const cycle = [...trail.slice(start), next.path].join(" → ");
        problems.push(`${file.path}:${line}: cycle: ${cycle}; move what both need to a file of its own`);
      }
    }
    trail.pop();
    finished.add(file.path);
  };
  for (const file of files.values()) if (!finished.has(file.path)) visit(file);
  return problems;
}

if (import.meta.main) {
  const problems = checkLayers(dirname(import.meta.dirname));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
