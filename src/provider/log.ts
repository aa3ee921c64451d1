import pino, { type Logger } from "pino";

/** The program's log: a line of JSON for each event; secrets and message text never reach it. */
export type Log = Logger;

export function createLog(level: string, destination: NodeJS.WritableStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
