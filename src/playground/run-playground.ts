import { Observer } from "./network/observer.ts";
import { type PlaygroundNetwork, startNetwork } from "./network/playground-network.ts";
import { Recording } from "./network/recording.ts";
import { printCase } from "./report/case-report.ts";
import { describePlayground, writeDescription } from "./report/description.ts";
import { printHints } from "./report/hints.ts";
import { reportLive } from "./report/live-report.ts";
import { printTable } from "./report/result-table.ts";
import { Terminal } from "./report/terminal.ts";
import { scenarios } from "./scenarios/index.ts";
import { CAST, People } from "./stage/people.ts";
import { type Row, Stage } from "./stage/stage.ts";

export interface PlaygroundOptions {
  readonly output: NodeJS.WritableStream;
  /** Stops the playground, whatever it does. */
  readonly signal: AbortSignal;
  /** End after the table instead of waiting for mail. */
  readonly exit: boolean;
}

interface Running {
  readonly network: PlaygroundNetwork;
  readonly people: People;
  readonly observer: Observer;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/**
 * Starts two mail providers and their neighbours, plays the scenarios, and stays until it is stopped.
 *
 * @returns whether everything came out as expected; being stopped early is fine unless the table was all that was wanted
 * @throws PlaygroundProblem when it cannot start
 */
export async function runPlayground(options: PlaygroundOptions): Promise<boolean> {
  const { output, signal, exit } = options;
  const terminal = new Terminal(output);
  const observer = new Observer();
  printIntroduction(terminal);
  const network = await startNetwork(observer);
  try {
    const people = await People.gather(network);
    terminal.line(
      terminal.paint("dim", `  Started in ${secondsSinceStart()} s. Everything is on 127.0.0.1.`),
    );
    terminal.line();
    const running = { network, people, observer, terminal, signal };
    const rows = await playAll(running);
    printTable(terminal, rows);
    if (!exit) await stay(running);
    return rows.every(({ faults }) => faults.length === 0);
  } catch (error) {
    if (!signal.aborted) throw error;
    return !exit;
  } finally {
    await network.stop();
    if (signal.aborted) terminal.line("Stopped.");
  }
}

function printIntroduction(terminal: Terminal): void {
  terminal.line(terminal.paint("bold", "VSMTP playground"));
  terminal.line();
  terminal.paragraph(
    "VSMTP lets a receiving mail server check, before it takes a message, which account sent it: the sender's " +
      "provider signs, and the receiver fetches the account's public key from the provider's own mail host. " +
      "Here two providers, someisp.test and dest.test, do so over real sockets; with them a plain SMTP server " +
      "(legacy.test), a spammer (spam.test), a DNS server and a private certificate authority.",
    2,
  );
  terminal.line();
}

async function playAll({ network, people, observer, terminal, signal }: Running): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    signal.throwIfAborted();
    terminal.line(terminal.paint("bold", `${String(index + 1).padStart(2)}  ${scenario.title}`));
    terminal.paragraph(scenario.story, 4);
    terminal.line();
    const recording = new Recording(observer, signal);
    const stage = new Stage(network, people, recording, {
      tell: (text) => {
        terminal.paragraph(text, 4);
        terminal.line();
      },
      show: (shown) => printCase(terminal, shown),
    });
    try {
      await scenario.play(stage);
    } catch (error) {
      signal.throwIfAborted();
      stage.release();
      stage.fail(scenario.title, error);
    } finally {
      recording.close();
    }
    rows.push(...stage.rows);
    if (index === 0) {
      const time = `    The first message was there ${secondsSinceStart()} s after the start.`;
      terminal.line(terminal.paint("dim", time));
      terminal.line();
    }
  }
  return rows;
}

async function stay({ network, people, observer, terminal, signal }: Running): Promise<void> {
  const description = describePlayground(
    network,
    await Promise.all(CAST.map((address) => people.user(address))),
  );
  const file = await writeDescription(description);
  const unsubscribe = observer.subscribe((happening) => reportLive(terminal, happening));
  printHints(terminal, description, file);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  unsubscribe();
}

function secondsSinceStart(): string {
  return (performance.now() / 1000).toFixed(1);
}
