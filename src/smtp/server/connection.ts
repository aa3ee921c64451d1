import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Endpoints } from "./conversation.ts";
import type { ServerSettings } from "./options.ts";
import { Session } from "./session.ts";
import type { SessionPort } from "./session-port.ts";

/** Replies to pipelined commands are put together up to this size before they are written. */
const coalescedOctets = 16 * 1024;

/** How long a client has to take our last reply and close, before the socket is destroyed. */
const lingerMs = 3000;

/**
 * Joins a socket and a session: writes replies in few pieces, stops reading while the session is not ready (so that
 * a client can never fill our memory), does the TLS handshakes, and closes without cutting off the last reply.
 */
export class Connection<User> implements SessionPort {
  readonly #settings: ServerSettings<User>;
  readonly #onClosed: () => void;
  readonly #session: Session<User>;
  #socket: Socket;
  #output = "";
  #flushing: NodeJS.Immediate | null = null;
  #linger: NodeJS.Timeout | null = null;
  #gone = false;

  constructor(socket: Socket, endpoints: Endpoints, settings: ServerSettings<User>, onClosed: () => void) {
    this.#settings = settings;
    this.#onClosed = onClosed;
    this.#session = new Session(settings, this, endpoints);
    this.#socket = socket;
    this.#attach();
    this.#session.start();
    // Behind a PROXY header it is paused. A TLS socket takes itself what is there.
    if (this.#socket === socket) socket.resume();
  }

  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  send(octets: string): void {
    this.#output += octets;
    if (this.#output.length >= coalescedOctets) this.#write();
  }

  flush(): void {
    this.#write();
    if (this.#socket.isPaused() && this.#session.ready) this.#socket.resume();
  }

  flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = null;
      this.#write();
    });
  }

  startTls(): void {
    this.#write();
    let secureContext: SecureContext | undefined;
    try {
      secureContext = this.#settings.secureContext?.();
    } catch (cause) {
      this.#session.handshakeFailed(cause); // a renewed certificate that does not load must not end the server
      return;
    }
    this.#detach();
    const secure = new TLSSocket(this.#socket, { isServer: true, ...(secureContext && { secureContext }) });
    this.#socket = secure;
    let cause: unknown = new Error("the connection was closed during the TLS handshake");
    const timer = setTimeout(() => {
      cause = new Error("the TLS handshake took too long");
      secure.destroy();
    }, this.#settings.deadlines.tlsMs);
    const failed = () => {
      clearTimeout(timer);
      this.#session.handshakeFailed(cause);
    };
    secure
      // Errors before the handshake's end come as this event of node:tls alone; the close that follows ends it.
      .on("_tlsError", (error: unknown) => {
        cause = error;
      })
      .once("close", failed)
      .once("secure", () => {
        clearTimeout(timer);
        secure.off("close", failed);
        const { name, standardName } = secure.getCipher();
        const version = secure.getProtocol() ?? "unknown";
        this.#session.secured({ version, cipher: standardName ?? name }, channelBindingOf(secure));
        this.flush();
      });
    this.#attach();
  }

  close(): void {
    this.#write();
    // Destroying a socket with unread input resets the connection, and the client may lose the last reply:
    // what still comes is read and dropped for a while.
    this.#socket.end();
    this.#socket.resume();
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs);
  }

  abort(): void {
    this.#socket.destroy();
  }

  /** See `Session.stalledMs`. */
  get stalledMs(): number {
    return this.#session.stalledMs;
  }

  /** See `Session.makeRoom`. */
  makeRoom(): void {
    this.#session.makeRoom();
  }

  /** See `Session.shutdown`. */
  shutdown(): void {
    this.#session.shutdown();
  }

  #write(): void {
    if (this.#output === "" || this.#socket.destroyed) return;
    this.#socket.write(this.#output, "latin1");
    this.#output = "";
  }

  #attach(): void {
    this.#socket
      .on("data", this.#onData)
      .on("drain", this.#onDrain)
      .on("end", this.#onEnd)
      .on("error", ignore)
      .on("close", this.#onClose);
  }

  #detach(): void {
    this.#socket
      .off("data", this.#onData)
      .off("drain", this.#onDrain)
      .off("end", this.#onEnd)
      .off("close", this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#session.receive(chunk);
    if (!this.#session.ready) this.#socket.pause();
  };

  readonly #onDrain = (): void => this.#session.resume();

  readonly #onEnd = (): void => {
    if (this.#linger !== null) this.#socket.destroy();
    else this.#session.inputEnded();
  };

  readonly #onClose = (): void => {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#linger !== null) clearTimeout(this.#linger);
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#session.closed();
    this.#onClosed();
  };
}

/** RFC 9266 §2. Before TLS 1.3 the exporter binds to the session only where both sides take precautions (§3). */
function channelBindingOf(secure: TLSSocket): Uint8Array | null {
  if (secure.getProtocol() !== "TLSv1.3") return null;
  return secure.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
}

function ignore(): void {}
