// A client that asks a key server, nsd or redis in one and the same way, so that only the servers differ: it sends
// requests that lie ready, as many at a time as are to be under way, and counts the replies by their octets.
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";
import { hasCore } from "./harness.ts";
import type { Load, MeasuredServer } from "./server-process.ts";

/** Requests of one length, side by side in the order in which they are sent; after the last the first comes again. */
export class Script {
  readonly requestOctets: number;
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer, requestOctets: number) {
    this.#octets = octets;
    this.requestOctets = requestOctets;
  }

  static of(requests: Iterable<string | Uint8Array>): Script {
    const all = Array.from(requests, (request) => Buffer.from(request as string, "latin1"));
    const { length } = all[0] as Buffer;
    if (all.some((request) => request.length !== length)) throw new Error("requests differ in length");
    return new Script(Buffer.concat(all), length);
  }

  next(count: number): Buffer {
    const octets = count * this.requestOctets;
    if (this.#at + octets > this.#octets.length) this.#at = 0;
    this.#at += octets;
    return this.#octets.subarray(this.#at - octets, this.#at);
  }
}

/**
 * Opens a connection on which requests can be sent.
 *
 * @param onRead gets what is sent in answer: `count` octets at the start of a buffer that is used again
 */
export type Open = (onRead: (count: number, buffer: Buffer) => void) => Promise<Socket>;

/** All connections read to one place: hardly anybody looks at what was read. */
const readHere = Buffer.allocUnsafeSlow(64 * 1024);

/** @param greeted the server speaks first */
export function openPlain(port: number, { greeted }: { readonly greeted: boolean }): Open {
  return (onRead) =>
    new Promise((resolve, reject) => {
      let ready = !greeted;
      const callback = (count: number): boolean => {
        if (ready) onRead(count, readHere);
        else resolve(socket);
        ready = true;
        return true;
      };
      const onread = { buffer: readHere, callback };
      const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread });
      socket.once("error", reject);
      if (!greeted) socket.once("connect", () => resolve(socket));
    });
}

const secureContext = createSecureContext();

/** To a key server, and on to TLS. @param resume take up the TLS session of an earlier connection */
export function openTls(port: number, { resume }: { readonly resume: boolean }): Open {
  let latest: Buffer | null = null;
  return async (onRead) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
    socket.write("STLS\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    const secure = connectTls({
      socket,
      secureContext,
      rejectUnauthorized: false,
      ALPNProtocols: ["vsmtp-key"],
      ...(latest === null ? {} : { session: latest }),
    });
    if (resume) secure.on("session", (session) => (latest = session));
    await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
    secure.on("data", (chunk: Buffer) => onRead(chunk.length, chunk));
    return secure;
  };
}

/** What is asked, and how. */
export interface Lookups {
  readonly open: Open;
  readonly script: Script;
  /** Of every reply. */
  readonly replyOctets: number;
  /** Then the connection is given up for a new one. */
  readonly requestsPerConnection: number;
}

/** A server that answers lookups. */
export interface Peer extends Lookups {
  readonly server: MeasuredServer;
}

/** How many octets the reply to the script's next request has. @param shown what has to stand in it */
export function measureReply(open: Open, script: Script, shown: string): Promise<number> {
  const request = script.next(1).toString("latin1");
  return new Promise((resolve, reject) => {
    const opened = open((count, buffer) => {
      const reply = buffer.toString("latin1", 0, count);
      opened.then((socket) => socket.destroy(), reject);
      if (reply.includes(shown)) resolve(count);
      else reject(new Error(`${JSON.stringify(request)} was answered ${JSON.stringify(reply)}`));
    });
    opened.then((socket) => socket.write(request, "latin1"), reject);
  });
}

export interface AskingOptions extends Lookups {
  readonly connections: number;
  /** Requests that are under way on a connection. */
  readonly depth: number;
  /** The client has its core for itself. Default: there are two cores. */
  readonly alone?: boolean;
}

/** Keeps a server busy: the answer to one request makes room for the next. */
export class Asking implements Load {
  done = 0;
  readonly #options: AskingOptions;
  readonly #clients: Promise<unknown>;
  #running = true;

  constructor(options: AskingOptions) {
    this.#options = options;
    if (options.alone ?? hasCore(1)) this.#stayAwake();
    this.#clients = Promise.all(Array.from({ length: options.connections }, () => this.#client()));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#clients;
  }

  /** Where the client sleeps between two replies, each costs the server a call to wake it, and both wait. */
  readonly #stayAwake = (): void => {
    if (this.#running) setImmediate(this.#stayAwake);
  };

  async #client(): Promise<void> {
    while (this.#running) await this.#askAll();
  }

  /** Resolves when the connection's requests are answered. */
  async #askAll(): Promise<void> {
    const { open, script, depth, replyOctets, requestsPerConnection } = this.#options;
    let sent = 0;
    let octets = 0;
    let answered = 0;
    const send = (most: number): void => {
      const count = Math.min(most, requestsPerConnection - sent);
      sent += count;
      if (count > 0) socket.write(script.next(count));
    };
    const socket = await open((count) => {
      octets += count;
      const fresh = Math.floor(octets / replyOctets) - answered;
      answered += fresh;
      this.done += fresh;
      if (!this.#running || answered >= requestsPerConnection) socket.destroy();
      else if (fresh > 0) send(fresh);
    });
    socket.on("error", () => {});
    send(depth);
    await new Promise((resolve) => socket.once("close", resolve));
    if (this.#running && octets !== requestsPerConnection * replyOctets)
      throw new Error("the replies are not all of one length");
  }
}
