import { globSync, readFileSync } from "node:fs";

/** `utime` and `stime` of proc(5) count these. */
const TICKS_PER_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** What these processes, those that they started and those of them that have ended used of CPU time. Linux only. */
export function cpuSecondsOf(roots: readonly number[]): number {
  return treeOf(roots).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** Memory of the same, where what several of them share counts once (PSS), in octets. */
export function memoryOctetsOf(roots: readonly number[]): number {
  return treeOf(roots).reduce((sum, { pid }) => sum + pssOctets(pid), 0);
}

function treeOf(roots: readonly number[]): Process[] {
  const own = new Set(roots);
  const processes = globSync("/proc/[0-9]*/stat").flatMap(readStat);
  // A child has the higher number, unless they begin anew, which no benchmark lasts to see.
  return processes
    .sort((a, b) => a.pid - b.pid)
    .filter(({ pid, parent }) => {
      if (own.has(parent)) own.add(pid);
      return own.has(pid);
    });
}

function readStat(path: string): Process[] {
  try {
    const text = readFileSync(path, "latin1");
    // The name in brackets may hold anything.
    const [, parent, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(9, 13).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid: Number.parseInt(text, 10), parent: Number(parent), ticks }];
  } catch {
    return []; // it has just ended
  }
}

function pssOctets(pid: number): number {
  try {
    const [, kib] = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")) ?? [];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}
