import type { TestContext } from "node:test";

export type Undo = (step: () => unknown) => void;

/** What a test has to take back at its end, the last first; `t.after` by itself takes the first first. */
export function undoes(t: TestContext): Undo {
  const steps: (() => unknown)[] = [];
  t.after(async () => {
    for (const step of steps.reverse()) await step();
  });
  return (step) => steps.push(step);
}
