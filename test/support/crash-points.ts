import { writeSync } from "node:fs";
import type { QueueChange, QueueStore, Settlement } from "../../src/queue/index.ts";
import { tokenOf } from "./crash-messages.ts";

/** The steps of a message's way at which the process can be killed, just before or just after each. */
export const steps = [
  "insert",
  "insert of a spooled message",
  "direct hand-over",
  "lease",
  "takeover",
  "settle: gone",
  "settle: wait",
  "settle: hold",
  "settle: reports",
  "destination",
  "order: hold",
  "order: release",
  "order: retry",
  "order: bounce",
] as const;

export type Step = (typeof steps)[number];

export interface KillPlan {
  readonly step: Step;
  readonly when: "before" | "after";
  /** At its how manieth occurrence, counted from 1. */
  readonly occurrence: number;
}

/** What the parent is told of what is in the store, one line each; in its pipe before anything else can happen. */
export type CrashReport =
  | {
      readonly kind: "inserted";
      readonly id: string;
      readonly token: string;
      readonly recipients: readonly string[];
    }
  /** Positions of those recipients that are done with. */
  | {
      readonly kind: "settled";
      readonly id: string;
      readonly done: readonly number[];
      readonly next: Settlement["next"]["kind"];
    };

export function tell(report: object): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

/** Watches the methods of a class of stores, and kills this process as planned. */
export function watchStore(
  prototype: QueueStore,
  plan: KillPlan | null,
  onUse: (store: QueueStore) => void,
): void {
  let left = plan?.occurrence ?? 0;
  const arrive = (when: KillPlan["when"], reached: readonly Step[]): void => {
    if (plan === null || plan.when !== when || !reached.includes(plan.step) || --left > 0) return;
    process.kill(process.pid, "SIGKILL");
    // The signal is on its way; nothing more may happen.
    for (;;);
  };
  const watch = <Name extends "commit" | "lease" | "release" | "order">(
    name: Name,
    stepsOf: (...args: Parameters<QueueStore[Name]>) => readonly Step[],
    done: (result: Awaited<ReturnType<QueueStore[Name]>>, ...args: Parameters<QueueStore[Name]>) => void,
  ): void => {
    const original = prototype[name] as (...args: unknown[]) => Promise<never>;
    const watched = async function (this: QueueStore, ...args: Parameters<QueueStore[Name]>) {
      onUse(this);
      arrive("before", stepsOf(...args));
      const result = await original.apply(this, args);
      done(result, ...args);
      arrive("after", stepsOf(...args));
      return result;
    };
    Object.assign(prototype, { [name]: watched });
  };
  watch("commit", stepsOfCommit, (answers, changes) => {
    for (const [index, change] of changes.entries()) if (answers[index] === "done") report(change);
  });
  watch(
    "lease",
    () => ["lease"],
    () => {},
  );
  watch(
    "release",
    () => ["takeover"],
    () => {},
  );
  watch(
    "order",
    (_filter, { kind }) => (kind === "remove" ? [] : [`order: ${kind}`]),
    () => {},
  );
}

function stepsOfCommit(changes: readonly QueueChange[]): Step[] {
  const found = new Set<Step>();
  for (const change of changes) {
    if (change.kind === "destination") found.add("destination");
    else if (change.kind === "settle") {
      found.add(`settle: ${change.settlement.next.kind}`);
      if (change.settlement.reports.length > 0) found.add("settle: reports");
    } else {
      for (const { lease, content } of change.messages) {
        found.add(lease === null ? "insert" : "direct hand-over");
        if (content.file !== null) found.add("insert of a spooled message");
      }
    }
  }
  return [...found];
}

function report(change: QueueChange): void {
  if (change.kind === "settle") {
    const { id, changes, next } = change.settlement;
    const done = changes.filter(({ state }) => state !== "deferred").map(({ index }) => index);
    tell({ kind: "settled", id, done, next: next.kind } satisfies CrashReport);
  }
  for (const { id, content, prefix, recipients } of insertedBy(change)) {
    // The token is in the header, which is never in a file.
    const token = tokenOf(Buffer.concat([prefix, content.inline]));
    const addresses = recipients.map(({ address }) => address);
    tell({ kind: "inserted", id, token, recipients: addresses } satisfies CrashReport);
  }
}

function insertedBy(change: QueueChange): Settlement["reports"] {
  if (change.kind === "insert") return change.messages;
  return change.kind === "settle" ? change.settlement.reports : [];
}
