// The process that the crash test kills: one installation, submission to delivery, put together as `vsmtp serve` does.
// It waits with everything loaded, since a restart should take no longer than it must, and then obeys lines of JSON.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../../src/config/index.ts";
import { createLog, type Provider, startProvider } from "../../src/provider/index.ts";
import { type MessageId, type Queue, type QueueStore, RetrySchedule } from "../../src/queue/index.ts";
import { Spool } from "../../src/spool/index.ts";
import { openQueueStore } from "../../src/store/index.ts";
import { deadDomain, rekeyed, steady } from "./crash-messages.ts";
import { type KillPlan, tell, watchStore } from "./crash-points.ts";

export type CrashCommand =
  | { readonly do: "start"; readonly settings: string; readonly plan: KillPlan | null }
  /** Orders of an operator, again and again. */
  | { readonly do: "meddle" }
  /** Everything is due at once. */
  | { readonly do: "release" }
  /** Lets everything go that is still in the queue. */
  | { readonly do: "drain" }
  /** Removes what is left, and what belongs to nothing. */
  | { readonly do: "tidy" }
  | { readonly do: "stop" };

export type CrashAnswer =
  | { readonly kind: "waiting" }
  | { readonly kind: "started"; readonly port: number }
  /** With what is left: the mail of keys that were replaced. */
  | { readonly kind: "drained"; readonly held: readonly MessageId[] }
  | { readonly kind: "tidied" }
  | { readonly kind: "problem"; readonly detail: string };

/** Of the password "secret", the cheapest there is: clients log in after each kill. */
const cheapHash =
  "$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$4R1PEQPItpvkTH5juMUak3oEb8rtWEdaRzGIjigkYIU";

let store: QueueStore | null = null;
let provider: Provider | null = null;
let stopping = false;

tell({ kind: "waiting" } satisfies CrashAnswer);
const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  obey(JSON.parse(line)).catch((error) => tell({ kind: "problem", detail: String(error?.stack ?? error) }));
});
// The test is gone.
commands.on("close", () => process.exit(1));

async function obey(command: CrashCommand): Promise<void> {
  if (command.do === "start") await start(command.settings, command.plan);
  else if (command.do === "meddle") await meddle();
  else if (command.do === "release" && provider?.queue) await release(provider.queue);
  else if (command.do === "drain") await drain();
  else if (command.do === "tidy") {
    await provider?.queue?.order({}, { kind: "remove" });
    await store?.tidy(Date.now());
    tell({ kind: "tidied" } satisfies CrashAnswer);
  } else {
    stopping = true;
    await provider?.stop();
    process.exit(0);
  }
}

async function start(settings: string, plan: KillPlan | null): Promise<void> {
  const loaded = loadConfig(readFileSync(settings, "utf8"), settings);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  await watchStores(plan);
  const log = createLog("error", process.stderr);
  const retry = new RetrySchedule({ firstDelayMs: 40, factor: 1 });
  const rests = new RetrySchedule({ firstDelayMs: 200, factor: 1 });
  provider = await startProvider(loaded.config, log, {}, { retry, rests });
  const { keyring, places } = provider;
  if (keyring !== null && (await keyring.addDomain("someisp.test")).ok) {
    for (const address of [steady, rekeyed]) await keyring.addAccount({ address, passwordHash: cheapHash });
  }
  tell({ kind: "started", port: places[0]?.port ?? 0 } satisfies CrashAnswer);
}

/** All stores of the queue are of the class of this one. */
async function watchStores(plan: KillPlan | null): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-crash-class-"));
  const spool = await Spool.open(folder);
  const example = await openQueueStore(join(folder, "queue.sqlite"), spool);
  watchStore(Object.getPrototypeOf(example), plan, (used) => {
    store = used;
  });
  await example.close();
  rmSync(folder, { recursive: true });
}

async function meddle(): Promise<void> {
  const { queue, keyring } = provider ?? {};
  while (queue && keyring && !stopping) {
    const account = await keyring.account(rekeyed);
    if (account !== null) await keyring.rekey(account.id);
    await sleep(60 * Math.random());
    await queue.order({}, { kind: "hold", because: "the test" });
    await sleep(20 * Math.random());
    await release(queue);
  }
}

async function drain(): Promise<void> {
  const queue = provider?.queue;
  if (!queue) return;
  for (;;) {
    await release(queue);
    const { queued, leased } = await queue.counts();
    const held = await queue.list({ state: "held" }, 100_000);
    if (queued + leased === 0 && held.every(({ sender }) => sender === rekeyed)) {
      tell({ kind: "drained", held: held.map(({ id }) => id) } satisfies CrashAnswer);
      return;
    }
    await sleep(50);
  }
}

async function release(queue: Queue): Promise<void> {
  for (const sender of [steady, "<>"]) await queue.order({ state: "held", sender }, { kind: "release" });
  await queue.order({ recipient: `@${deadDomain}` }, { kind: "bounce" });
  await queue.order({ state: "deferred" }, { kind: "retry" });
}
