import { setTimeout as pause } from "node:timers/promises";
import { MappingDialer } from "../src/dialer/index.ts";
import { openSmtp, type SmtpClient } from "../src/smtp/index.ts";

export interface HandInOptions {
  /** At a time, kept. */
  readonly sessions: number;
  /** The recipient of the message that is handed in as that one. */
  readonly recipient: (index: number) => string;
  /** For how long, the messages over and over; otherwise each once. */
  readonly seconds?: number;
  /** Not faster than that; otherwise as fast as it goes. */
  readonly perSecond?: number;
}

export interface HandedIn {
  readonly perSecond: number;
  /** From MAIL to the reply to the last dot, of each message in the order of the replies, milliseconds. */
  readonly replyMs: readonly number[];
}

const dialer = new MappingDialer();

/** Hands messages in over kept sessions, each of which waits for its replies. @throws Error when one is refused */
export async function handIn(
  port: number,
  messages: readonly Uint8Array[],
  { sessions, recipient, seconds, perSecond = Number.POSITIVE_INFINITY }: HandInOptions,
): Promise<HandedIn> {
  const clients = await Promise.all(Array.from({ length: sessions }, () => open(port)));
  const replyMs: number[] = [];
  let next = 0;
  const start = performance.now();
  const isOver = (): boolean =>
    seconds === undefined ? next >= messages.length : performance.now() - start >= seconds * 1000;
  await Promise.all(
    clients.map(async (client) => {
      while (!isOver()) {
        const index = next++;
        const early = start + (index / perSecond) * 1000 - performance.now();
        if (early > 0) await pause(early);
        const begun = performance.now();
        const [outcome] = await client.send({
          reversePath: "u1@bench.example",
          recipients: [{ address: recipient(index) }],
          content: messages[index % messages.length] as Uint8Array,
        });
        if (outcome?.code !== 250) throw new Error(`refused: ${JSON.stringify(outcome)}`);
        replyMs.push(performance.now() - begun);
      }
      await client.quit();
    }),
  );
  return { perSecond: (replyMs.length * 1000) / (performance.now() - start), replyMs };
}

async function open(port: number): Promise<SmtpClient> {
  const opened = await openSmtp(
    dialer,
    { host: "mx.dest.test", address: "127.0.0.1", port },
    { hostname: "client.bench.example", tls: { mode: "never" } },
  );
  if (!opened.ok) throw new Error(opened.failure.text);
  return opened.client;
}

/** `0.87`: what that share of the figures does not exceed. */
export function percentile(figures: readonly number[], share: number): string {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return at.toFixed(2);
}
