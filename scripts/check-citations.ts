// Checks the requirement ids of spec/*.md against src/ and test/:
//   every requirement is cited by code or test, unless it is marked *(later)*; a later one is not cited
//   every cited id exists, in spec/ and its vectors too, and none is defined twice
// A requirement is defined where its id begins a paragraph or list item in bold: **SIG-12** or, when
// not built yet, **SIG-12** *(later)*.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const definition = /^ {0,3}(?:[-*] |\d+\. )?\*\*([A-Z][A-Z0-9]*-\d+)\*\*( \*\(later\)\*)?/;
const citation = /(?<![\w-])([A-Z][A-Z0-9]*)-\d+(?![\w-])/g;

interface Place {
  readonly id: string;
  readonly file: string;
  readonly line: number;
}

/** Every problem as one line: file:line: what is wrong; what to do. */
export function checkCitations(root: string): string[] {
  const specification = readLines(root, "spec/*.md");
  const definitions = specification.flatMap((line) => {
    const [, id, later] = definition.exec(line.text) ?? [];
    return id === undefined ? [] : [{ ...line, id, later: later !== undefined }];
  });
  const families = new Set(definitions.map(({ id }) => id.slice(0, id.lastIndexOf("-"))));
  const citationsIn = (lines: readonly Line[]): Place[] =>
    lines.flatMap((line) =>
      [...line.text.matchAll(citation)]
        .filter((found) => families.has(found[1] as string)) // not SHA-256 or UTF-8
        .map((found) => ({ ...line, id: found[0] })),
    );
  const citations = citationsIn(readLines(root, "{src,test}/**/*.{ts,js,mjs,wat,sh,py}"));

  const problems: string[] = [];
  const report = ({ file, line, id }: Place, text: string) => problems.push(`${file}:${line}: ${id} ${text}`);
  const defined = new Map<string, (typeof definitions)[number]>();
  const cited = new Set(citations.map(({ id }) => id));
  for (const requirement of definitions) {
    const first = defined.get(requirement.id);
    if (first)
      report(requirement, `is already defined in ${first.file}:${first.line}; give it a number of its own`);
    else defined.set(requirement.id, requirement);
    if (!requirement.later && !cited.has(requirement.id)) {
      report(requirement, "is cited by no code and no test; cite it where it is met, or mark it *(later)*");
    }
  }
  const vectors = readLines(root, "spec/vectors/**/*.json");
  for (const place of [...citations, ...citationsIn(specification), ...citationsIn(vectors)]) {
    if (!defined.has(place.id)) report(place, "is not defined in spec/; correct the number");
  }
  for (const place of citations) {
    if (defined.get(place.id)?.later)
      report(place, "is marked *(later)* in spec/, yet cited; remove the mark");
  }
  return problems;
}

interface Line {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

function readLines(root: string, pattern: string): Line[] {
  return globSync(pattern, { cwd: root })
    .sort()
    .flatMap((file) =>
      readFileSync(join(root, file), "utf8")
        .split("\n")
        .map((text, index) => ({ file, line: index + 1, text })),
    );
}

if (import.meta.main) {
  const problems = checkCitations(dirname(import.meta.dirname));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
