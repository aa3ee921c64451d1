import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type KillPlan, steps } from "./crash-points.ts";
import type { CrashSite } from "./crash-site.ts";

/** Where a process is killed. */
type Death = KillPlan | { readonly sink: "before 250" | "after 250" } | "at random";

/** Before and after each step, and the other server's 250. */
export const places = 2 * (steps.length + 1);

/** Longest wait for what a plan waits for; then it is a death at random. */
const patienceMs = 4_000;

/** Kills a site's process again and again: at each step that there is, and every other time at random. */
export class Killer {
  /** How often, by where it struck. */
  readonly struck = new Map<string, number>();
  readonly #site: CrashSite;
  readonly #deaths = deaths();

  constructor(site: CrashSite) {
    this.#site = site;
  }

  async kill(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const where = await live(this.#site, this.#deaths.next().value);
      this.struck.set(where, (this.struck.get(where) ?? 0) + 1);
    }
  }
}

/** One life. @returns where it was killed */
async function live(site: CrashSite, death: Death): Promise<string> {
  const { sink } = site;
  await (randomInt(2) === 0 ? sink.openLate() : sink.closeLate());
  const plan = death !== "at random" && "step" in death ? death : null;
  const child = await site.begin(plan);
  if (death !== "at random" && "sink" in death) {
    sink.killAt = { moment: death.sink, kill: () => child.kill() };
  }
  if (randomInt(3) === 0 || (plan !== null && comesByOrders(plan.step))) child.tell({ do: "meddle" });
  let planned = death !== "at random";
  if (planned) planned = await child.diesWithin(patienceMs);
  else await someWork(site);
  sink.killAt = null;
  child.kill();
  await child.ended();
  return planned ? nameOf(death) : "at random";
}

/** Until so many messages more were accepted, and a bit longer: the busier the machine, the longer. */
async function someWork(site: CrashSite): Promise<void> {
  const until = site.accepted + randomInt(12);
  const deadline = Date.now() + patienceMs;
  while (site.accepted < until && Date.now() < deadline) await sleep(2);
  await sleep(randomInt(30));
}

function* deaths(): Generator<Death, never> {
  for (;;) {
    for (const step of steps) {
      for (const when of ["before", "after"] as const) {
        // What a dead process held is taken over once in a life.
        yield { step, when, occurrence: step === "takeover" ? 1 : randomInt(1, 4) };
        yield "at random";
      }
    }
    for (const sink of ["before 250", "after 250"] as const) {
      yield { sink };
      yield "at random";
    }
  }
}

/** What comes only where somebody gives orders and replaces keys. */
function comesByOrders(step: KillPlan["step"]): boolean {
  return step.startsWith("order") || step === "settle: hold";
}

function nameOf(death: Death): string {
  if (death === "at random") return death;
  return "step" in death ? `${death.when} ${death.step}` : `${death.sink} is read`;
}
