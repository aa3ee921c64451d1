// What all benchmarks share: batches that take turns, medians, ratios, tables, cores.
//
// Machines are noisy, so what is compared is measured in turns, A B C A B C …, and each ratio is taken within one
// round: whatever slows the machine down for a while slows both sides. Of the rounds the median counts.
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { parseArgs } from "node:util";

/** How long to measure. */
export interface Effort {
  /** Of each batch. */
  readonly seconds: number;
  /** Rounds of batches, one more that warms up not counted. */
  readonly runs: number;
}

/** One batch. */
export interface Sample {
  readonly done: number;
  readonly seconds: number;
  /** CPU time of the process that is measured, all its threads. */
  readonly cpuSeconds: number;
}

/** Does its work over and over for about this long. */
export type Contestant = (seconds: number) => Promise<Sample>;

/** The median of the rounds, and between what the middle half of them lies. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export class Race<Name extends string> {
  readonly #rounds: readonly Readonly<Record<Name, Sample>>[];

  constructor(rounds: readonly Readonly<Record<Name, Sample>>[]) {
    this.#rounds = rounds;
  }

  perSecond(name: Name): number {
    return this.#spread((round) => round[name].done / round[name].seconds).median;
  }

  /** What a core does in a second of its time. */
  perCpuSecond(name: Name): number {
    return this.#spread((round) => round[name].done / round[name].cpuSeconds).median;
  }

  /** What part of its time it was busy, as `97 %`: far below 100 % something else bounds the rate by the clock. */
  busy(name: Name): string {
    return `${whole(100 * this.#spread((round) => round[name].cpuSeconds / round[name].seconds).median)} %`;
  }

  /** How many times as fast one is as the other, by the clock. */
  ratio(name: Name, peer: Name): Spread {
    return this.#spread((round) => ratio(round[name], round[peer], "seconds"));
  }

  /** How many times as fast one is as the other, by the CPU time it takes. */
  cpuRatio(name: Name, peer: Name): Spread {
    return this.#spread((round) => ratio(round[name], round[peer], "cpuSeconds"));
  }

  #spread(figure: (round: Readonly<Record<Name, Sample>>) => number): Spread {
    return spreadOf(this.#rounds.map(figure));
  }
}

export function spreadOf(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] as number;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

function ratio(one: Sample, peer: Sample, by: "seconds" | "cpuSeconds"): number {
  return (one.done * peer[by]) / (one[by] * peer.done);
}

const WARMING_UP_SECONDS = 0.5;

/** Measures all contestants in turns. */
export async function race<Name extends string>(
  contestants: Readonly<Record<Name, Contestant>>,
  { seconds, runs }: Effort,
): Promise<Race<Name>> {
  const names = Object.keys(contestants) as Name[];
  const rounds: Record<Name, Sample>[] = [];
  for (let run = 0; run <= runs; run++) {
    const round: Partial<Record<Name, Sample>> = {};
    // The first round is not counted: the compiler gets to know the code.
    const length = run === 0 ? Math.max(seconds, WARMING_UP_SECONDS) : seconds;
    for (const name of names) round[name] = await contestants[name](length);
    if (run > 0) rounds.push(round as Record<Name, Sample>);
  }
  return new Race(rounds);
}

/** A contestant that calls a function of this process, again when it, or its promise, has returned. */
export function calling(work: () => unknown): Contestant {
  return async (seconds) => {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    const end = start + seconds * 1000;
    let done = 0;
    let now = start;
    for (; now < end; now = performance.now(), done++) {
      const result = work();
      if (result instanceof Promise) await result;
    }
    const cpu = process.cpuUsage(cpuBefore);
    return { done, seconds: (now - start) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
  };
}

/** Rows of cells under a heading; the first column is text, the others are figures. */
export function printTable(
  title: string,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .join("  ")
      .trimEnd();
  console.log(
    `\n${title}\n${[heading, widths.map((width) => "─".repeat(width)), ...rows].map(line).join("\n")}`,
  );
}

/** A figure with three digits that count: `18,200`, `1.27`. */
export function figure(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

/** `83 % (79–85)` */
export function percent({ median, low, high }: Spread): string {
  return `${whole(median * 100)} % (${whole(low * 100)}–${whole(high * 100)})`;
}

/** `6.8 × (6.1–7.2)` */
export function times({ median, low, high }: Spread): string {
  return `${figure(round2(median))} × (${figure(round2(low))}–${figure(round2(high))})`;
}

function whole(value: number): string {
  return value.toFixed(0);
}

function round2(value: number): number {
  return Number(value.toPrecision(2));
}

/** `--seconds` and `--runs` of a benchmark's command line. */
export function readEffort(otherwise: Effort): Effort {
  return {
    seconds: readNumber("seconds", otherwise.seconds),
    runs: Math.ceil(readNumber("runs", otherwise.runs)),
  };
}

/** A number above 0 of a benchmark's command line. */
export function readNumber(name: "seconds" | "runs" | "accounts", otherwise: number): number {
  const option = { type: "string" } as const;
  const { values } = parseArgs({ options: { seconds: option, runs: option, accounts: option } });
  const text = values[name] ?? String(otherwise);
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`npm run bench: --${name} ${text}: a number above 0 is needed`);
  return process.exit(2);
}

/** The command that runs a command on one core, where the machine has `taskset` and that core. */
export function onCore(core: number, command: readonly string[]): readonly string[] {
  return hasCore(core) ? ["taskset", "-c", String(core), ...command] : command;
}

/** Moves this process, and what it starts from now on, to one core or to all of them. */
export function moveTo(core: number | "all"): void {
  const list = core === "all" ? `0-${cpus().length - 1}` : String(core);
  if (hasCore(1)) spawnSync("taskset", ["-a", "-c", "-p", list, String(process.pid)]);
}

const cores = new Map<number, boolean>();

/** Can processes be put on that core? Asked of the system: how many cores this process may use says nothing of it. */
export function hasCore(core: number): boolean {
  let known = cores.get(core);
  if (known === undefined) {
    known = cpus().length > 1 && spawnSync("taskset", ["-c", String(core), "true"]).status === 0;
    cores.set(core, known);
  }
  return known;
}
