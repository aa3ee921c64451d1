// Volleys of one message through two servers in turns, ours and a peer: what both receiving and sending measure.
import { figure, spreadOf, times } from "./harness.ts";
import { cpuSecondsOf, memoryOctetsOf } from "./process-tree.ts";
import { type SmtpSink, sendVolley } from "./smtp-tools.ts";

/** What is measured, and how many times the peer's rate is aimed at. */
export interface Case {
  readonly octets: number;
  readonly sessions: number;
  readonly kept: boolean;
  readonly aim: string;
}

/** A server that takes messages and hands them on, and how it is looked at. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly pids: readonly number[];
  /** Of those the ones whose CPU time is told once more, alone. */
  readonly partPids?: readonly number[];
  readonly sink: SmtpSink;
  /** The file with its message of a size. */
  readonly messageOf: (octets: number) => string;
  /** Each message has a recipient of its own. */
  readonly numbered?: boolean;
}

interface Figures {
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly cpuMs: number;
  readonly partCpuMs: number;
  readonly peakOctets: number;
}

const FIRST_MESSAGES = 200;
const WARMING_UP_MS = 5_000;

/** The columns of {@link measureCase}'s rows. */
export const columns = ["accepted/s", "×", "delivered/s", "×", "CPU ms", "peak MiB", "aim"];
/** The same with the CPU time of a part, where all of them have one. */
export const columnsWithPart = (part: string): string[] => columns.toSpliced(5, 0, part);

/**
 * Measures one case on all of them in turns, once they are warm.
 *
 * @param peer whose rates the others' are held against
 * @returns a row for each, the peer's last
 */
export async function measureCase(
  one: Case,
  own: readonly Contestant[],
  peer: Contestant,
  { seconds, runs }: { readonly seconds: number; readonly runs: number },
): Promise<string[][]> {
  const all = [...own, peer];
  const enough = new Map<Contestant, number>();
  for (const contestant of all) enough.set(contestant, await howMany(contestant, one, seconds));
  const rounds: Map<Contestant, Figures>[] = [];
  for (let run = 0; run < runs; run++) {
    const round = new Map<Contestant, Figures>();
    for (const [contestant, messages] of enough) {
      round.set(contestant, await measure(contestant, one, messages));
    }
    rounds.push(round);
  }
  return all.map((contestant) => rowOf(one, contestant, peer, rounds));
}

/** As many as keep it busy for the time that is asked for, found out while the compiler gets to know the code. */
async function howMany(server: Contestant, one: Case, seconds: number): Promise<number> {
  let messages = FIRST_MESSAGES;
  for (const start = performance.now(); ; ) {
    const { acceptedPerSecond } = await measure(server, one, messages);
    messages = Math.max(FIRST_MESSAGES, Math.ceil(acceptedPerSecond * seconds));
    if (performance.now() - start > WARMING_UP_MS) return messages;
  }
}

async function measure(server: Contestant, one: Case, messages: number): Promise<Figures> {
  const { port, pids, partPids = [], sink, messageOf, numbered = false } = server;
  let peakOctets = 0;
  const sampler = setInterval(() => {
    peakOctets = Math.max(peakOctets, memoryOctetsOf(pids));
  }, 500);
  const before = sink.received;
  const cpuBefore = cpuSecondsOf(pids);
  const partBefore = cpuSecondsOf(partPids);
  const start = performance.now();
  const { sessions, kept } = one;
  const file = messageOf(one.octets);
  const acceptedSeconds = await sendVolley({ port, messages, file, sessions, kept, numbered });
  await sink.until(before + messages);
  const deliveredSeconds = (performance.now() - start) / 1000;
  clearInterval(sampler);
  return {
    acceptedPerSecond: messages / acceptedSeconds,
    deliveredPerSecond: messages / deliveredSeconds,
    cpuMs: ((cpuSecondsOf(pids) - cpuBefore) / messages) * 1000,
    partCpuMs: ((cpuSecondsOf(partPids) - partBefore) / messages) * 1000,
    peakOctets: Math.max(peakOctets, memoryOctetsOf(pids)),
  };
}

function rowOf(
  one: Case,
  contestant: Contestant,
  peer: Contestant,
  rounds: readonly ReadonlyMap<Contestant, Figures>[],
): string[] {
  const all = (who: Contestant, name: keyof Figures): number[] =>
    rounds.map((round) => (round.get(who) as Figures)[name]);
  const of = (name: keyof Figures): number => spreadOf(all(contestant, name)).median;
  const ratio = (name: keyof Figures): string => {
    if (contestant === peer) return "";
    const theirs = all(peer, name);
    return times(spreadOf(all(contestant, name).map((figure, run) => figure / (theirs[run] as number))));
  };
  return [
    `${contestant.name}, ${titleOf(one)}`,
    figure(of("acceptedPerSecond")),
    ratio("acceptedPerSecond"),
    figure(of("deliveredPerSecond")),
    ratio("deliveredPerSecond"),
    figure(of("cpuMs")),
    ...(contestant.partPids === undefined ? [] : [figure(of("partCpuMs"))]),
    (of("peakOctets") / 2 ** 20).toFixed(0),
    contestant === peer ? "" : one.aim,
  ];
}

export function titleOf({ octets, sessions, kept }: Case): string {
  const connections = kept ? `${sessions} kept` : `${sessions}, new connection each`;
  return `${octets / 1024} KiB, ${connections}`;
}
