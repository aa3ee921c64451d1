// npm test: runs every *.test.ts, or those that match the patterns given:
//   npm test -- 'src/smtp/*.test.ts' --test-name-pattern=smuggling
// At the end it names the skipped tests. With CI=true a test skipped because a real peer is missing
// (its reason begins with "peer:") is a failure: CI installs the peers, so nothing may stay untried.
import { dirname, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";

const testTimeoutMs = 120_000;
const silenceMs = testTimeoutMs + 60_000; // a file that leaves a server or timer running never ends

const { patterns, namePatterns } = readArguments();
process.chdir(dirname(import.meta.dirname));

const hung = new AbortController();
const watchdog = setTimeout(() => hung.abort(), silenceMs);
const tests = run({
  globPatterns: patterns,
  testNamePatterns: namePatterns,
  concurrency: 2,
  timeout: testTimeoutMs,
  signal: hung.signal,
});
let success = false;
const skipped: { place: string; reason: string }[] = [];
tests.on("test:pass", ({ name, file, skip }) => {
  watchdog.refresh();
  if (skip === undefined || skip === false) return;
  skipped.push({
    place: `${relative(".", file ?? "")}: ${name}`,
    reason: skip === true ? "no reason given" : skip,
  });
});
tests.on("test:fail", () => watchdog.refresh());
tests.on("test:summary", (summary) => {
  if (summary.file === undefined) success = summary.success && summary.counts.tests > 0;
});
for await (const text of tests.compose(new spec())) process.stdout.write(text);
clearTimeout(watchdog);

const missingPeers = skipped.filter(({ reason }) => reason.startsWith("peer:"));
for (const { place, reason } of skipped) console.log(`skipped: ${place} (${reason})`);
if (hung.signal.aborted) console.log(`Nothing happened for ${silenceMs / 1000} s; the run was broken off.`);
if (process.env.CI === "true" && missingPeers.length > 0) {
  console.log(`${missingPeers.length} tests lack their real peer, which CI must have.`);
  success = false;
}
process.exitCode = success ? 0 : 1;

function readArguments(): { patterns: string[]; namePatterns: string[] } {
  try {
    const { values, positionals } = parseArgs({
      options: { "test-name-pattern": { type: "string", multiple: true, default: [] } },
      allowPositionals: true,
    });
    const all = ["{src,test,scripts}/**/*.test.ts", "packages/*/test/*.test.js"];
    return {
      patterns: positionals.length > 0 ? positionals : all,
      namePatterns: values["test-name-pattern"],
    };
  } catch (error) {
    console.error(`npm test: ${(error as Error).message}`);
    process.exit(2);
  }
}
