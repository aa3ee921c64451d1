/** Standard error gets a line this often where no terminal shows a bar. */
const LINE_EVERY_MS = 10_000;

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
  const bar = progress({ max: 1000, output: process.stderr, indicator: "timer" });
  bar.start(title);
  let shown = 0;
  let last = "";
  let ended = false;
  return {
    report(done, of) {
      last = `${title}: ${counted(done, of, unit)}${timeLeft(startedAtMs, done, of)}`;
      const thousandths = of ? Math.floor((1000 * done) / of) : 0;
      bar.advance(thousandths - shown, last);
      shown = thousandths;
    },
    end() {
      if (ended) return;
      ended = true;
      bar.stop(last === "" ? title : last);
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
