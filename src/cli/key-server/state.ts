import type { Drain, KeyServerControl, KeyServerProcess } from "../../provider/index.ts";
import { countText } from "../administration/count-text.ts";
import { isoMinute } from "../administration/time-text.ts";

/** What the key servers of this host were told, and what they do. */
export interface State {
  readonly drain: Drain | null;
  readonly processes: readonly KeyServerProcess[];
}

export const stateFields = {
  state: '"serving", "draining" (clients are left) or "drained"',
  to: "HOST:PORT where new clients are sent; null: they are turned away, or served",
  since: "when the drain was ordered; null: it is not",
  connections: "how many clients are connected in all",
  processes: "what each says of itself: pid, connections, and whether it follows the order already",
} as const;

export async function stateOf(control: KeyServerControl): Promise<State> {
  const [drain, processes] = await Promise.all([control.current(), control.processes()]);
  return { drain, processes };
}

/** Every process does what it was told. */
export function isFollowed({ drain, processes }: State): boolean {
  return processes.every((process) => follows(process, drain));
}

/** Every process follows, and has no clients any more. */
export function isDrained(state: State): boolean {
  return state.drain !== null && isFollowed(state) && connectionsOf(state) === 0;
}

export function stateObject(state: State): Record<keyof typeof stateFields, unknown> {
  const { drain, processes } = state;
  return {
    state: drain === null ? "serving" : isDrained(state) ? "drained" : "draining",
    to: targetText(drain),
    since: drain?.since ?? null,
    connections: connectionsOf(state),
    processes: processes.map((process) => ({
      pid: process.pid,
      connections: process.connections,
      follows: follows(process, drain),
    })),
  };
}

export function stateText(state: State): string {
  const { drain, processes } = state;
  const lines = [`${whatItDoes(state)}: ${countText(connectionsOf(state), "connection")}`];
  for (const process of processes) {
    const note = follows(process, drain) ? "" : ", does not follow yet";
    lines.push(`  process ${process.pid}: ${countText(process.connections, "connection")}${note}`);
  }
  if (processes.length === 0) lines.push("  no key server runs here");
  return lines.join("\n");
}

function whatItDoes(state: State): string {
  const { drain } = state;
  if (drain === null) return "serving";
  const target = targetText(drain);
  const clients = target === null ? "new clients are turned away" : `new clients go to ${target}`;
  return `${isDrained(state) ? "drained" : "draining"} since ${isoMinute(drain.since)}, ${clients}`;
}

function connectionsOf({ processes }: State): number {
  return processes.reduce((sum, { connections }) => sum + connections, 0);
}

function follows({ drainedSince }: KeyServerProcess, drain: Drain | null): boolean {
  return drainedSince === (drain?.since ?? null);
}

function targetText(drain: Drain | null): string | null {
  return drain?.to ? `${drain.to.host}:${drain.to.port}` : null;
}
