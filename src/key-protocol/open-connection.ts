import type { Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { ALPN, MAX_REPLY_OCTETS, parseReplyLine } from "./grammar.ts";
import { KeyConnection, type KeyConnectionOptions } from "./key-connection.ts";
import { LineReader } from "./line-reader.ts";
import { peerCertificate } from "./peer-certificate.ts";

/** A place to connect to: the host name is for TLS and people, the address is where the octets go. */
export interface KeyTarget {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Opens TCP connections. Closed test networks bring one that goes elsewhere. */
export interface Dialer {
  /** Rejects when there is no connection; the signal ends the attempt. */
  connect(target: KeyTarget, signal: AbortSignal): Promise<Socket>;
}

export interface OpenOptions extends KeyConnectionOptions {
  readonly dialer: Dialer;
  /** Trusted roots; the certificate is looked at by the caller. Built once, it is expensive. */
  readonly secureContext: SecureContext;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** For connecting, for the greeting, for STLS and its reply, and for the handshake, each (KEY-17). Default 5000. */
  readonly stepMs?: number;
}

export type OpenResult =
  | { readonly kind: "open"; readonly connection: KeyConnection }
  /** In plain text, so anybody may have said it (KEY-26). */
  | { readonly kind: "redirect"; readonly host: string; readonly port: number }
  | {
      readonly kind: "failed";
      /** A TCP connection came about (DIS-5). */
      readonly accepted: boolean;
      /** The host is there, and nobody listens (DIS-10). */
      readonly refused: boolean;
      readonly detail: string;
    };

/**
 * Connects, waits for the greeting, and goes to TLS. The client never speaks first, and any greeting but `+OK` and
 * `-FW` fails the target (KEY-4 to KEY-7, KEY-10 to KEY-14).
 */
export async function openKeyConnection(target: KeyTarget, options: OpenOptions): Promise<OpenResult> {
  const stepMs = options.stepMs ?? 5000;
  let socket: Socket;
  try {
    socket = await inTime(stepMs, options.signal, (signal) => options.dialer.connect(target, signal));
  } catch (error) {
    const refused = (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
    return { kind: "failed", accepted: false, refused, detail: `cannot connect: ${errorText(error)}` };
  }
  const opening = new Opening(socket, target, options);
  try {
    const greeting = parseReplyLine(await inTime(stepMs, options.signal, (signal) => opening.line(signal)));
    if (greeting.kind === "redirect") return { ...greeting };
    if (greeting.kind !== "ok") {
      throw new Refusal(
        greeting.kind === "error" ? `greeted with [${greeting.code}]` : "not a greeting of the protocol",
      );
    }
    const reply = await inTime(stepMs, options.signal, (signal) => opening.ask("STLS", signal));
    if (parseReplyLine(reply).kind !== "ok") throw new Refusal("STLS was refused");
    return {
      kind: "open",
      connection: await inTime(stepMs, options.signal, (signal) => opening.secure(signal)),
    };
  } catch (error) {
    return { kind: "failed", accepted: true, refused: false, detail: errorText(error) };
  } finally {
    opening.close();
  }
}

/** What the other side did wrong. */
class Refusal extends Error {}

/** The plain-text part: one line at a time, and not an octet more. */
class Opening {
  readonly #socket: Socket;
  readonly #target: KeyTarget;
  readonly #options: OpenOptions;
  readonly #reader = new LineReader(MAX_REPLY_OCTETS);
  #handedOver = false;

  constructor(socket: Socket, target: KeyTarget, options: OpenOptions) {
    this.#socket = socket;
    this.#target = target;
    this.#options = options;
    socket.on("error", () => {}); // each wait has its own listener; between them an error shows as a close
  }

  ask(line: string, signal: AbortSignal): Promise<string> {
    // The answer to a question that was not asked yet is not the server's (KEY-11).
    if (this.#reader.pendingOctets > 0) throw new Refusal("the server sent more than its greeting");
    this.#options.onLine?.("client", line);
    this.#socket.write(`${line}\r\n`);
    return this.line(signal);
  }

  line(signal: AbortSignal): Promise<string> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (outcome: string | Error) => {
        socket.pause().off("data", read).off("close", closed).off("error", failed);
        signal.removeEventListener("abort", aborted);
        if (typeof outcome === "string") {
          this.#options.onLine?.("server", outcome);
          resolve(outcome);
        } else reject(outcome);
      };
      const read = (octets: Buffer) => {
        let first: string | null = null;
        const problem = this.#reader.push(octets, (line) => {
          first = line;
          return false;
        });
        if (first !== null) settle(first);
        else if (problem !== null) settle(new Refusal(problem));
      };
      const failed = (error: Error) => settle(error);
      const closed = () => settle(new Refusal("the server closed the connection"));
      const aborted = () => settle(signal.reason);
      if (signal.aborted) return aborted();
      if (socket.destroyed) return closed();
      signal.addEventListener("abort", aborted, { once: true });
      socket.on("data", read).on("close", closed).on("error", failed).resume();
    });
  }

  secure(signal: AbortSignal): Promise<KeyConnection> {
    if (this.#reader.pendingOctets > 0 || this.#socket.readableLength > 0) {
      throw new Refusal("plain text behind the reply to STLS");
    }
    this.#handedOver = true;
    const { host } = this.#target;
    const secure = connectTls({
      socket: this.#socket,
      servername: host,
      ALPNProtocols: [ALPN],
      minVersion: "TLSv1.2",
      secureContext: this.#options.secureContext,
      // Chain and names are judged by the caller: which names will do depends on the domain (TRU-2, KEY-26).
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        signal.removeEventListener("abort", aborted);
        secure.destroy();
        reject(error);
      };
      const aborted = () => fail(signal.reason);
      const closed = () => fail(new Refusal("the server closed the connection"));
      signal.addEventListener("abort", aborted, { once: true });
      secure.on("error", fail).on("close", closed);
      secure.once("secureConnect", () => {
        if (secure.alpnProtocol !== ALPN)
          return fail(new Refusal(`the server does not speak ${ALPN} (ALPN)`));
        signal.removeEventListener("abort", aborted);
        secure.off("close", closed).off("error", fail);
        resolve(new KeyConnection(secure, peerCertificate(secure), this.#options));
      });
    });
  }

  /** Lets go of a socket that did not become a connection. */
  close(): void {
    if (!this.#handedOver) this.#socket.destroy();
  }
}

async function inTime<T>(
  timeoutMs: number,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(new Refusal("out of time"));
  const timer = setTimeout(abort, timeoutMs);
  outer.addEventListener("abort", abort, { once: true });
  if (outer.aborted) abort();
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", abort);
  }
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
