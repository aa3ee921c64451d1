import { type Chain, chainName } from "./chains.ts";
import { explanationOf } from "./explanations.ts";
import type { Signing } from "./transit-signer.ts";
import type { ChainOutcome, Loss } from "./try-chain.ts";

/** What came of all messages that were signed in one way. */
export interface Journey {
  readonly signing: Signing;
  /** How many messages there were, and why some were not signed. */
  readonly messages: number;
  readonly refused: ReadonlyMap<string, string>;
  readonly outcomes: readonly ChainOutcome[];
}

const titles: Readonly<Record<Signing, string>> = {
  submitted: "As a submission server signs",
  "as it is": "As they are",
};
const introductions: Readonly<Record<Signing, string>> = {
  submitted: `With the default settings: what is in 8 bits is converted, and what relays would write anew is written their way, before
both signatures are made ([0135](../decisions/0135-before-it-is-signed.md)).`,
  "as it is": `Signed by the library without changing anything, both signatures over the same octets.`,
};

/**
 * docs/transit.md.
 *
 * @param servers their names and versions
 * @param corpus how many of the messages others wrote
 */
export function transitPage(
  journeys: readonly Journey[],
  servers: readonly string[],
  corpus: number,
  date: string,
): string {
  const all = journeys[0]?.messages ?? 0;
  return `# What is left behind other people's mail servers

Written by \`npm run bench -- transit\`, ${date}. ${all} messages, ${corpus} of them others' (\`../shared/corpus\`), ${all - corpus} generated, go
through ${chains(journeys).length} chains of real servers, configured as relays and otherwise as their makers or Debian have them: ${servers.join(", ")}.
Each message carries a VSMTP signature and one of DKIM (relaxed/relaxed, Ed25519), neither over the other; DKIM's covers the
absence of Date, Message-ID and addresses too (RFC 6376 §8.15), and counts if mailauth or OpenDKIM verifies it.
${disputes(journeys)}

A message that cannot go on, such as one that needs SMTPUTF8, comes back to its author; nothing is lost without a word. In
percent of what arrived.

${journeys.map(section).join("\n")}`;
}

function section({ signing, messages, refused, outcomes }: Journey): string {
  const rows = outcomes.map(
    ({ chain, arrived, vsmtp, dkim, returned }) =>
      `| ${chainName(chain)} | ${arrived} | ${returned.size} | ${share(vsmtp, arrived)} | ${share(dkim, arrived)} |\n`,
  );
  const sum = (of: (outcome: ChainOutcome) => number): number =>
    outcomes.reduce((all, one) => all + of(one), 0);
  const arrived = sum((one) => one.arrived);
  return `## ${titles[signing]}

${introductions[signing]} Of ${messages} messages ${messages - refused.size} are signed; the others are refused, their authors are told why (table below).

| chain | arrived | returned | VSMTP | DKIM |
| --- | --- | --- | --- | --- |
${rows.join("")}| all | ${arrived} | ${sum((one) => one.returned.size)} | ${share(
    sum((one) => one.vsmtp),
    arrived,
  )} | ${share(
    sum((one) => one.dkim),
    arrived,
  )} |

### What was lost, field by field

By the first server behind which a signature fails, in all chains; a message counts in each row that it has a change of.

${lossTable(signing, outcomes)}
### What was returned

| by | why | messages |
| --- | --- | --- |
${returnRows(outcomes).join("")}
### What was not signed

| why | messages |
| --- | --- |
${countRows([...refused.values()].map(withoutDetail)).join("")}`;
}

interface LossGroup {
  readonly hop: string;
  readonly what: string;
  readonly why: string | null;
  readonly messages: Set<string>;
  vsmtp: number;
  dkim: number;
}

/** A table, and the notes that it refers to. A loss counts in each row of which it has a change. */
function lossTable(signing: Signing, outcomes: readonly ChainOutcome[]): string {
  const groups = new Map<string, LossGroup>();
  for (const loss of outcomes.flatMap(({ losses }) => losses)) {
    for (const change of loss.changes) {
      const what = `${change.where}: ${change.how}`;
      const key = `${loss.hop} ${what}`;
      const why = explanationOf(signing, loss.hop, change);
      const group = groups.get(key) ?? { hop: loss.hop, what, why, messages: new Set(), vsmtp: 0, dkim: 0 };
      groups.set(key, group);
      group.messages.add(loss.message);
      if (loss.vsmtp !== null) group.vsmtp++;
      if (loss.dkim !== null) group.dkim++;
    }
  }
  const sorted = [...groups.values()].sort(
    (a, b) => a.hop.localeCompare(b.hop) || b.messages.size - a.messages.size,
  );
  const notes = [...new Set(sorted.map(({ why }) => why ?? "Not explained."))];
  const rows = sorted.map(({ hop, what, why, messages, vsmtp, dkim }) => {
    const note = notes.indexOf(why ?? "Not explained.") + 1;
    return `| ${hop} | ${what} | ${note} | ${vsmtp} | ${dkim} | ${messages.size}: ${someOf(messages)} |\n`;
  });
  return `| server | what it changed | why | VSMTP lost | DKIM lost | messages |
| --- | --- | --- | --- | --- | --- |
${rows.join("")}
${notes.map((note, index) => `${index + 1}. ${note}\n`).join("")}`;
}

function someOf(names: ReadonlySet<string>): string {
  const [first, second, ...more] = [...names];
  return [first, second, more.length > 0 ? "…" : undefined].filter((name) => name !== undefined).join(", ");
}

function returnRows(outcomes: readonly ChainOutcome[]): string[] {
  const rows = outcomes.flatMap(({ chain, returned }) =>
    [...returned.values()].map(
      (why) => `${chain.hops.map(({ name }) => name).join(" → ")} | ${withoutDetail(why)}`,
    ),
  );
  return countRows(rows);
}

function countRows(rows: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([row, count]) => `| ${row} | ${count} |\n`);
}

/** Without places, addresses, and what would break a table. */
function withoutDetail(text: string): string {
  return text
    .replace(/\S+@\S+|"[^"]*"/g, "…")
    .replace(/\d+\.\d+\.\d+\.\d+(?:\[[\d.]*\])?/g, "…")
    .replace(/line \d+ \(byte \d+\)|byte \d+|character \d+/g, "…")
    .replaceAll("|", "/")
    .trim();
}

function share(part: number, whole: number): string {
  return whole === 0
    ? "–"
    : part === whole
      ? "100 %"
      : `${(Math.floor((1000 * part) / whole) / 10).toFixed(1)} %`;
}

function chains(journeys: readonly Journey[]): readonly Chain[] {
  return (journeys[0]?.outcomes ?? []).map(({ chain }) => chain);
}

function disputes(journeys: readonly Journey[]): string {
  const disputed = journeys.flatMap(({ outcomes }) => outcomes.flatMap((one) => one.disputed)).length;
  return disputed === 0 ? "They agreed on all." : `They disagreed on ${disputed} messages.`;
}

/** Losses of which something was changed that nobody has explained, and those where nothing was. */
export function unexplained(signing: Signing, outcomes: readonly ChainOutcome[]): Loss[] {
  return outcomes
    .flatMap(({ losses }) => losses)
    .filter(
      ({ hop, changes }) =>
        changes.length === 0 || changes.some((change) => explanationOf(signing, hop, change) === null),
    );
}
