import type { TestContext } from "node:test";

/** What a test has to take back at its end, the last first; `t.after` by itself takes the first first. */
export function undoes(t: TestContext): (step: () => unknown) => void {
  const steps: (() => unknown)[] = [];
  t.after(async () => {
    for (const step of steps.reverse()) await step();
  });
  return (step) => steps.push(step);
}
