import pino, { type DestinationStream, type Logger } from "pino";

/** The program's log: a line of JSON for each event; secrets and message text never reach it. */
export type Log = Logger;

export function createLog(level: string, destination: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorLine },
    },
    destination,
  );
}

/** An error that has its cause's text in its own, as those of our stores have, says it once. */
function errorLine(error: unknown): object {
  const line = pino.stdSerializers.err(error as Error);
  if (!(error instanceof Error && error.cause instanceof Error)) return line;
  if (!error.message.includes(error.cause.message)) return line;
  return { ...line, message: error.message, stack: error.stack };
}
