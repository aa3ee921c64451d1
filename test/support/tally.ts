/** Counts what became of messages, for people to read. */
export class Tally {
  readonly #title: string;
  readonly #rows = new Map<string, string[]>();

  constructor(title: string) {
    this.#title = title;
  }

  add(outcome: string, name: string, detail = ""): void {
    const row = this.#rows.get(outcome) ?? [];
    row.push(detail === "" ? name : `${name}: ${detail}`);
    this.#rows.set(outcome, row);
  }

  count(outcome: string): number {
    return this.#rows.get(outcome)?.length ?? 0;
  }

  /** The table of outcomes and counts; with VSMTP_VERBOSE set, the messages of each too. */
  print(): void {
    const lines = [this.#title];
    for (const [outcome, names] of [...this.#rows].sort(([, a], [, b]) => b.length - a.length)) {
      lines.push(`${String(names.length).padStart(6)}  ${outcome}`);
      if (process.env.VSMTP_VERBOSE) lines.push(...names.map((name) => `            ${name}`));
    }
    console.log(lines.join("\n"));
  }
}
