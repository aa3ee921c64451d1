/** Standard error gets a line this often where no terminal shows a bar. */
const LINE_EVERY_MS = 10_000;
/** How fine the bar is. */
const PARTS = 1000;
/** The exit status of what ends by Ctrl-C, as shells have it. */
const BROKEN_OFF = 130;

export interface Progress {
  /** @param of null: not known */
  report(done: number, of: number | null): void;
  /** The work has ended, in whatever way; safe to call again. */
  end(): void;
}

const silent: Progress = { report: () => {}, end: () => {} };

/**
 * Shows how far long work has come, on standard error: a bar on a terminal, else a line now and then; nothing where
 * a program reads what is printed.
 *
 * @param unit what is counted, in the plural
 */
export async function showProgress(title: string, unit: string, json: boolean): Promise<Progress> {
  if (json) return silent;
  return process.stderr.isTTY ? showBar(title, unit) : showLines(title, unit);
}

async function showBar(title: string, unit: string): Promise<Progress> {
  const { progress } = await import("@clack/prompts");
  const startedAtMs = performance.now();
  // The prompts take Ctrl-C, SIGINT and SIGTERM for themselves, and would go on or end with status 0.
  const breakOff = (): never => process.exit(BROKEN_OFF);
  const bar = progress({ max: PARTS, output: process.stderr, indicator: "timer", onCancel: breakOff });
  let shown = 0;
  let last = title;
  let ended = false;
  const onExit = (): void => {
    process.exitCode = BROKEN_OFF;
    process.stderr.write(`vsmtp: ${last}: broken off; what is done stays done\n`);
  };
  process.once("exit", onExit);
  bar.start(title);
  return {
    report(done, of) {
      last = `${title}: ${counted(done, of, unit)}`;
      const parts = of ? Math.floor((PARTS * done) / of) : 0;
      bar.advance(parts - shown, `${last}${timeLeft(startedAtMs, done, of)}`);
      shown = parts;
    },
    end() {
      if (ended) return;
      ended = true;
      process.off("exit", onExit);
      bar.stop(last);
    },
  };
}

function showLines(title: string, unit: string): Progress {
  let lastAtMs = performance.now();
  return {
    report(done, of) {
      if (performance.now() - lastAtMs < LINE_EVERY_MS) return;
      lastAtMs = performance.now();
      process.stderr.write(`${title}: ${counted(done, of, unit)}\n`);
    },
    end: () => {},
  };
}

function counted(done: number, of: number | null, unit: string): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  if (of === null) return `${number(done)} ${unit}`;
  return `${number(done)} of ${number(of)} ${unit}, ${of === 0 ? 100 : Math.floor((100 * done) / of)} %`;
}

function timeLeft(startedAtMs: number, done: number, of: number | null): string {
  const elapsedMs = performance.now() - startedAtMs;
  if (of === null || done === 0 || done >= of || elapsedMs < 3000) return "";
  const seconds = Math.ceil(((of - done) * elapsedMs) / done / 1000);
  return seconds < 90 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`;
}
