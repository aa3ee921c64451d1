import type { Case } from "../stage/stage.ts";
import { lookupLines } from "./lookup-lines.ts";
import { type Style, type Terminal, WIDTH, wrap } from "./terminal.ts";
import { verdictStyle, verdictWords } from "./verdict-words.ts";

const INDENT = 4;
const LABEL = 9;

/** Prints one case in the order in which it happened: mail comes in, the key is fetched, the reply goes out. */
export function printCase(terminal: Terminal, shown: Case): void {
  const section = (label: string, lines: readonly string[], style?: Style): void => {
    const wrapped = lines.flatMap((line) => hang(line, WIDTH - INDENT - LABEL));
    for (const [index, text] of wrapped.entries()) {
      const head = terminal.paint("dim", (index === 0 ? label : "").padEnd(LABEL));
      terminal.line(
        `${" ".repeat(INDENT)}${head}${style === undefined ? text : terminal.paint(style, text)}`,
      );
    }
  };
  const { attempt, observed, faults } = shown;
  section("sent", sentLines(shown));
  section("wire", attempt.wire, "dim");
  for (const report of attempt.lookups) section("keys", lookupLines(report), "dim");
  section("verdict", verdictLines(shown), verdictStyle(observed.verdict));
  const { text } = attempt.reply;
  section("reply", [observed.reply === null ? `none: ${text}` : `S: ${observed.reply} ${text}`]);
  section("mailbox", mailboxLines(shown));
  for (const fault of faults) section("", [`NOT AS EXPECTED: ${fault}`], "red");
  terminal.line();
}

/** Further lines stand under the first one's words. */
function hang(line: string, width: number): string[] {
  const [first = "", ...further] = wrap(line, width);
  const margin = /^[CS]: /.test(line) ? "   " : "";
  return further.length === 0
    ? [first]
    : [first, ...wrap(further.join(" "), width - margin.length).map((text) => margin + text)];
}

function sentLines({ letter, verdict }: Case): string[] {
  if (verdict === null) return [...letter.shown];
  const { identity, kid } = verdict;
  const signature =
    identity === null ? "(no VSMTP-Signature)" : `VSMTP-Signature: v=1; … i=${identity}; k=${kid ?? ""}; …`;
  return [signature, ...letter.shown];
}

function verdictLines({ observed, verdict }: Case): string[] {
  if (observed.verdict === null) return ["no verdict: the message did not leave its provider"];
  const lines = [verdictWords({ ...observed, trust: verdict?.trust ?? null })];
  return verdict === null || verdict.result === "pass" ? lines : [...lines, verdict.detail];
}

function mailboxLines({ observed, mail }: Case): string[] {
  if (mail === null) return ["not delivered"];
  const lines = [observed.mailbox === "tagged" ? "inbox, tagged" : (observed.mailbox ?? "")];
  const written = [
    ["Authentication-Results", "authentication-results"],
    ["X-VSMTP-Flag", "x-vsmtp-flag"],
  ] as const;
  for (const [name, key] of written) {
    const value = mail.fields.get(key)?.[0];
    if (value !== undefined) lines.push(`${name}: ${value}`);
  }
  return lines;
}
