import {
  type AuthRequest,
  MAX_LINE_OCTETS,
  MAX_PIPELINED,
  parseRequest,
  parseResponse,
  type RequestProblem,
  type SignRequest,
  type VaultRequest,
} from "./grammar.ts";
import { InputBuffer } from "./input-buffer.ts";
import { type Capabilities, type ErrorReply, errorReply, formatReply, type VaultReply } from "./reply.ts";

/** Requests that a responder answers with one reply each. */
export type PlainRequest = Exclude<VaultRequest, { verb: "AUTH" | "SIGN" | "CAPA" | "NOOP" | "QUIT" }>;

/** A SASL exchange under way; one question at a time. */
export interface ServerExchange {
  /** @param response null: AUTH came without an initial response. A challenge goes on, any other reply ends it. */
  respond(response: Uint8Array | null): Promise<VaultReply>;
  /** The user broke off or went away. */
  cancel(): void;
}

/** Who answers the requests of one connection. Nothing here may reject. */
export interface VaultResponder {
  capabilities(): Capabilities;
  logIn(request: AuthRequest): ServerExchange | ErrorReply;
  answer(request: PlainRequest): Promise<VaultReply>;
  sign(request: SignRequest, h: Uint8Array): Promise<VaultReply>;
}

/** The connection, as its session sees it. */
export interface SessionPort {
  /** Octets, one character each. */
  send(text: string): void;
  /** It takes input again after `ready` was false. */
  resume(): void;
  /** Nothing more comes: close when what was sent is out. */
  close(): void;
}

/** A reply in its place among the others, as soon as it is there. */
interface Slot {
  text: string | null;
}

/**
 * The server's side of one connection of the private interface (PRV-4 to PRV-13) without the connection: octets in,
 * replies out. Requests are begun in the order they came, up to 64 at a time, and answered in that order; in an AUTH
 * exchange, one step at a time.
 */
export class VaultServerSession {
  readonly #responder: VaultResponder;
  readonly #port: SessionPort;
  readonly #input = new InputBuffer(MAX_LINE_OCTETS);
  readonly #slots: Slot[] = [];
  #exchange: ServerExchange | null = null;
  /** The exchange's next step is being worked on: what the client sends meanwhile waits. */
  #stepping = false;
  #awaitedH: SignRequest | null = null;
  /** No further request is taken: QUIT, or octets that are no requests. */
  #over = false;

  constructor(responder: VaultResponder, port: SessionPort) {
    this.#responder = responder;
    this.#port = port;
  }

  /** Whether it takes more octets now; if not, the port is told when. */
  get ready(): boolean {
    return !this.#over && !this.#stepping && this.#slots.length < MAX_PIPELINED;
  }

  /** Nothing was asked that is not answered. */
  get idle(): boolean {
    return this.#slots.length === 0 && this.#exchange === null;
  }

  receive(octets: Uint8Array): void {
    if (this.#over) return;
    this.#input.push(octets);
    this.#pump();
  }

  /** The connection is gone. */
  closed(): void {
    this.#over = true;
    this.#input.clear();
    this.#exchange?.cancel();
    this.#exchange = null;
  }

  #pump(): void {
    while (this.ready) {
      if (this.#awaitedH !== null) {
        const h = this.#input.takeOctets(this.#awaitedH.length);
        if (h === null) return;
        this.#reply(this.#responder.sign(this.#awaitedH, h));
        this.#awaitedH = null;
        continue;
      }
      const line = this.#input.takeLine();
      if (line.kind === "none") return;
      if (line.kind === "fault") this.#end(errorReply("SYNTAX", line.detail));
      else if (this.#exchange !== null) this.#takeResponse(this.#exchange, line.text);
      else this.#take(parseRequest(line.text));
    }
  }

  #take(request: VaultRequest | RequestProblem): void {
    if (request.verb === null) {
      const error = errorReply(request.code, request.text);
      if (request.fatal) this.#end(error);
      else this.#reply(error);
    } else if (request.verb === "AUTH") {
      const exchange = this.#responder.logIn(request);
      if ("kind" in exchange) this.#reply(exchange);
      else {
        this.#exchange = exchange;
        this.#step(exchange, request.initial);
      }
    } else if (request.verb === "SIGN") this.#awaitedH = request;
    else if (request.verb === "QUIT") this.#end({ kind: "done" });
    else this.#reply(this.#answer(request));
  }

  #answer(request: PlainRequest | { verb: "CAPA" } | { verb: "NOOP" }): VaultReply | Promise<VaultReply> {
    if (request.verb === "NOOP") return { kind: "done" };
    if (request.verb === "CAPA")
      return { kind: "capabilities", capabilities: this.#responder.capabilities() };
    return this.#responder.answer(request);
  }

  #takeResponse(exchange: ServerExchange, line: string): void {
    const response = line === "*" ? null : parseResponse(line);
    if (response !== null) this.#step(exchange, response);
    else {
      this.#exchange = null;
      exchange.cancel();
      this.#reply(errorReply("SYNTAX", line === "*" ? "broken off" : "expected base64"));
    }
  }

  #step(exchange: ServerExchange, response: Uint8Array | null): void {
    this.#stepping = true;
    const answer = exchange.respond(response).then((reply) => {
      if (reply.kind !== "challenge") this.#exchange = null;
      this.#stepping = false;
      return reply;
    });
    this.#reply(answer);
  }

  #end(reply: VaultReply): void {
    this.#over = true;
    this.#exchange?.cancel();
    this.#exchange = null;
    this.#reply(reply);
  }

  #reply(reply: VaultReply | Promise<VaultReply>): void {
    const slot: Slot = { text: null };
    this.#slots.push(slot);
    if (!(reply instanceof Promise)) {
      slot.text = formatReply(reply);
      this.#flush();
      return;
    }
    void reply.then((settled) => {
      slot.text = formatReply(settled);
      this.#flush();
      if (!this.ready) return;
      this.#pump();
      if (this.ready) this.#port.resume();
    });
  }

  /** Sends what is complete from the front on. */
  #flush(): void {
    let complete = 0;
    while (typeof this.#slots[complete]?.text === "string") complete++;
    if (complete === 0) return;
    const text = this.#slots.splice(0, complete).map((slot) => slot.text);
    this.#port.send(text.join(""));
    if (this.#over && this.#slots.length === 0) this.#port.close();
  }
}
