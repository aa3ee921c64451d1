import { randomUUID } from "node:crypto";
import type { MilterConnection, MilterHandler } from "./handler.ts";

export interface MilterLimits {
  /** Connections at a time. Default 1000. */
  readonly connections: number;
  /** Recipients of one message; with more it is refused. Default 20000. */
  readonly recipients: number;
  /** Octets of their addresses and parameters. Default 4 MiB. */
  readonly recipientOctets: number;
  /** Octets of one header; a message with more is refused. Default 1 MiB. */
  readonly headerOctets: number;
}

/** All in milliseconds. */
export interface MilterDeadlines {
  /** For the first packet. Default 30 s. */
  readonly negotiationMs: number;
  /** Between packets: the mail server waits for its client. Default two hours, as in libmilter. */
  readonly idleMs: number;
  /** Within a packet or a message's content, and for the mail server to read our replies. Default 10 minutes. */
  readonly contentMs: number;
  /** For an answer of the handler. Default 9 minutes. */
  readonly handlerMs: number;
  /** Between two notes to the mail server that a finished message is being worked on. Default 10 s. */
  readonly progressMs: number;
}

export interface MilterServerOptions {
  readonly handler: MilterHandler;
  readonly limits?: Partial<MilterLimits>;
  readonly deadlines?: Partial<MilterDeadlines>;
  /** Makes the id of a connection; by default 122 random bits in hexadecimal. */
  readonly newConnectionId?: () => string;
  /** What happens, for the log. Must not throw. */
  readonly onEvent?: (event: MilterEvent) => void;
}

export type MilterEvent =
  /** A mail server was turned away: there are too many connections. */
  | { readonly kind: "refused"; readonly peer: string }
  /** What came is not the milter protocol, or breaks one of its bounds: the connection was closed. */
  | {
      readonly kind: "broken";
      readonly peer: string;
      /** The letter of the command; null before one was read. */
      readonly command: string | null;
      /** Of the packet, in octets from the beginning of the connection. */
      readonly offset: number;
      readonly detail: string;
    }
  /** A mail server went away, or fell silent, in the middle of a message. */
  | {
      readonly kind: "abandoned";
      readonly connection: MilterConnection;
      /** The mail server's, where it has said it. */
      readonly queueId: string | null;
      readonly reason: "disconnected" | "timeout" | "shutdown";
    }
  /** A message that breaks a limit was refused. */
  | {
      readonly kind: "message-refused";
      readonly connection: MilterConnection;
      readonly reason: "header-too-large" | "too-many-recipients";
    }
  /** A method of the handler or of a message threw, rejected, or gave what cannot be carried out: 451. */
  | {
      readonly kind: "handler-failed";
      readonly connection: MilterConnection;
      readonly method: string;
      readonly cause: unknown;
    }
  | { readonly kind: "handler-timeout"; readonly connection: MilterConnection; readonly method: string }
  /** A listener stopped working after it had begun to listen. */
  | { readonly kind: "listener-failed"; readonly cause: unknown };

/** The options with every default filled in: what sessions read. */
export interface MilterSettings {
  readonly handler: MilterHandler;
  readonly limits: MilterLimits;
  readonly deadlines: MilterDeadlines;
  readonly newConnectionId: () => string;
  readonly onEvent: (event: MilterEvent) => void;
}

const defaultLimits: MilterLimits = {
  connections: 1000,
  recipients: 20_000,
  recipientOctets: 4 * 1024 * 1024,
  headerOctets: 1024 * 1024,
};

const defaultDeadlines: MilterDeadlines = {
  negotiationMs: 30_000,
  idleMs: 7_210_000,
  contentMs: 10 * 60_000,
  handlerMs: 9 * 60_000,
  progressMs: 10_000,
};

export function resolveOptions(options: MilterServerOptions): MilterSettings {
  return {
    handler: options.handler,
    limits: { ...defaultLimits, ...options.limits },
    deadlines: { ...defaultDeadlines, ...options.deadlines },
    newConnectionId: options.newConnectionId ?? (() => randomUUID().replaceAll("-", "")),
    onEvent: options.onEvent ?? (() => {}),
  };
}
