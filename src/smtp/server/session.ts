import { isPositive, type Reply, reply } from "../reply.ts";
import { respond } from "./authentication.ts";
import { Chunk } from "./chunk.ts";
import { type CommandLine, CommandReader } from "./command-reader.ts";
import { execute, isIdle } from "./commands.ts";
import { ContentIntake } from "./content-intake.ts";
import type { ContentTransfer } from "./content-transfer.ts";
import type { Authentication, Conversation, Endpoints } from "./conversation.ts";
import { Dialogue } from "./dialogue.ts";
import type { TlsInfo } from "./handler.ts";
import type { ServerSettings } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import { parseCommand } from "./parse-command.ts";
import type { SessionPort } from "./session-port.ts";
import { showCommand } from "./show-command.ts";

/** What the client's next octets are. After the session's end it does not matter any more. */
type Phase =
  /** Too early: it has to wait for our greeting. */
  | { readonly kind: "greeting" }
  | { readonly kind: "command" }
  /** Content up to its terminator. */
  | { readonly kind: "data"; readonly transfer: ContentTransfer }
  /** As many octets of content as BDAT said. */
  | Chunk
  /** TLS: the connection's affair. */
  | { readonly kind: "handshake" };

const commandPhase: Phase = { kind: "command" };

/** So much content brings a message nearer: who sends less in seconds holds a place for nothing. */
const movingOctets = 4096;

/**
 * One client's session: octets in, replies and handler calls out, apart from any socket. It works on one command
 * or block of content at a time; while the handler's answer is awaited the input waits (`ready` is false).
 */
export class Session<User> {
  readonly #settings: ServerSettings<User>;
  readonly #port: SessionPort;
  readonly #dialogue: Dialogue<User>;
  readonly #conversation: Conversation<User>;
  readonly #input = new CommandReader();
  readonly #intake: ContentIntake<User>;
  readonly #endsAt: number;
  #phase: Phase = { kind: "greeting" };
  #stopping = false;
  /** When the client last came nearer to a message. */
  #movedAt = performance.now();
  /** Of the content under way, then. */
  #movedOctets = 0;
  #inputEnded = false;
  /** The handler was asked about this client, and will be told when it is gone. */
  #introduced = false;

  constructor(settings: ServerSettings<User>, port: SessionPort, endpoints: Endpoints) {
    this.#settings = settings;
    this.#port = port;
    this.#dialogue = new Dialogue(settings, port, endpoints, {
      answered: () => this.#awaitClient(),
      resume: () => this.#pump(),
      failed: (method, cause) => this.#handlerFailed(method, cause),
    });
    this.#conversation = this.#dialogue.conversation;
    this.#intake = new ContentIntake(this.#dialogue, this.#input, settings, {
      more: () => {
        const { octets = 0 } = this.#transfer?.reader ?? {};
        if (octets >= this.#movedOctets + movingOctets) this.#moved(octets);
        this.#awaitClient();
      },
      ended: () => {
        this.#moved();
        this.#phase = commandPhase;
        this.#awaitClient();
      },
      perform: (outcome) => {
        this.#moved();
        this.#perform(outcome);
      },
    });
    this.#endsAt = performance.now() + settings.deadlines.sessionMs;
  }

  /** Whether it takes more input now. If not, it will call the port's `flush` when it does. */
  get ready(): boolean {
    return !this.#dialogue.asking && this.#phase.kind !== "handshake" && !this.#port.congested;
  }

  /** Begins: with the handshake where TLS is implicit, else with the question whether to talk to this client. */
  start(): void {
    this.#settings.onEvent({ kind: "connected", session: this.#conversation });
    if (this.#settings.tlsMode === "implicit") this.#startTls();
    else this.#askWhetherToTalk();
  }

  #askWhetherToTalk(): void {
    this.#phase = { kind: "greeting" };
    this.#introduced = true;
    this.#dialogue.ask(
      "connect",
      () => this.#settings.handler.connect?.(this.#conversation) ?? null,
      (answer) => {
        if (answer === null || isPositive(answer)) this.#greetSoon();
        else this.#part(answer);
      },
    );
    if (this.#dialogue.asking) this.#port.flushSoon();
  }

  receive(octets: Buffer): void {
    if (this.#dialogue.ended !== null) return;
    if (this.#phase.kind === "greeting") {
      // RFC 5321 §3.1, §4.3.1: the client waits for the greeting. Those who do not are not mail clients.
      this.#dialogue.say(reply(554, "5.5.1", "You spoke before the greeting"));
      this.#dialogue.close("early-talker");
      return;
    }
    this.#input.push(octets);
    this.#pump();
  }

  /** The client reads again. */
  resume(): void {
    this.#pump();
  }

  /** The client will send nothing more. What it sent is still worked on. */
  inputEnded(): void {
    this.#inputEnded = true;
    this.#pump();
  }

  /** The handshake that `startTls` asked for is done. */
  secured(tls: TlsInfo, channelBinding: Uint8Array | null): void {
    if (this.#dialogue.ended !== null) return;
    this.#conversation.secured(tls, channelBinding);
    this.#dialogue.note(`   <TLS: ${tls.version}, ${tls.cipher}>`);
    if (this.#introduced) {
      this.#phase = commandPhase;
      this.#awaitClient();
    } else this.#askWhetherToTalk();
  }

  handshakeFailed(cause: unknown): void {
    this.#settings.onEvent({ kind: "tls-failed", session: this.#conversation, cause });
    this.#dialogue.drop("tls-failed");
  }

  /** For how long the client has come no nearer to a message, though it could have. Milliseconds. */
  get stalledMs(): number {
    return this.#dialogue.asking ? 0 : performance.now() - this.#movedAt;
  }

  /** Ends the session at once, for another client. */
  makeRoom(): void {
    if (this.#phase.kind === "handshake") this.#dialogue.drop("crowded");
    else this.#dialogue.bow("crowded");
  }

  /** Ends the session with 421 as soon as no command or message is in work (RFC 5321 §3.8). */
  shutdown(): void {
    this.#stopping = true;
    const inContent = this.#phase.kind === "chunk" || this.#transfer !== null;
    if (this.#phase.kind === "handshake") this.#dialogue.drop("shutdown");
    else if (!this.#dialogue.asking && !inContent) this.#dialogue.bow("shutdown");
  }

  /** The connection is gone. */
  closed(): void {
    this.#dialogue.gone(this.#stopping ? "shutdown" : "disconnected");
    if (this.#introduced) {
      const disconnect = () => this.#settings.handler.disconnect?.(this.#conversation);
      // A login that comes too late has to be ended, too.
      if (this.#conversation.takeover === null) disconnect();
      else void this.#conversation.takeover.then(disconnect);
    }
    const reason = this.#dialogue.ended ?? "disconnected";
    this.#settings.onEvent({ kind: "closed", session: this.#conversation, reason });
  }

  #greetSoon(): void {
    const greet = () => {
      if (this.#dialogue.ended !== null) return;
      this.#phase = commandPhase;
      this.#dialogue.say(reply(220, null, `${this.#settings.hostname} ESMTP`));
      this.#awaitClient();
      this.#pump();
    };
    const delayMs = this.#settings.deadlines.greetingDelayMs;
    if (delayMs > 0) setTimeout(greet, delayMs);
    // Two turns of the event loop: what the client has sent already is read, and then refused, before.
    else setImmediate(() => setImmediate(greet));
  }

  #pump(): void {
    while (this.ready && this.#dialogue.ended === null && this.#takeInput());
    if (this.#dialogue.ended !== null || this.#phase.kind === "handshake") return;
    if (this.#dialogue.asking) this.#port.flushSoon();
    else if (this.#inputEnded && !this.#port.congested) this.#dialogue.close("disconnected");
    else this.#port.flush();
  }

  /** Works on what waits; false when more octets are needed. */
  #takeInput(): boolean {
    const phase = this.#phase;
    if (phase.kind === "command") {
      const line = this.#input.next();
      if (line !== null) this.#takeLine(line);
      return line !== null;
    }
    if (phase.kind === "data" && this.#input.hasOctets) this.#intake.takeData(phase.transfer);
    else if (phase.kind === "chunk" && (phase.left === 0 || this.#input.hasOctets))
      this.#intake.takeChunk(phase);
    else return false;
    return true;
  }

  #takeLine(found: CommandLine): void {
    const { authentication } = this.#conversation;
    this.#awaitClient();
    if (found.kind !== "line") this.#takeFaultyLine(found.kind, authentication !== null);
    else if (authentication !== null) this.#takeResponse(found.line, authentication);
    else this.#takeCommand(found.line);
  }

  #takeResponse(octets: Buffer, authentication: Authentication<User>): void {
    const line = octets.toString("latin1");
    this.#moved();
    this.#dialogue.note(`C: ${line === "*" ? "*" : "(credentials)"}`);
    this.#dialogue.ask(
      "authenticate",
      () => respond(this.#conversation, authentication, line, this.#settings),
      (outcome) => this.#perform(outcome),
    );
  }

  #takeCommand(line: Buffer): void {
    if (this.#dialogue.noted) this.#dialogue.note(`C: ${showCommand(line)}`);
    const command = parseCommand(line);
    if (command.verb === "MAIL" && performance.now() > this.#endsAt) {
      this.#dialogue.bow("timeout");
      return;
    }
    if (!isIdle(command)) this.#moved();
    if (command.verb === "BDAT") {
      const endsAt = this.#transfer?.endsAt ?? performance.now() + this.#settings.deadlines.dataTotalMs;
      this.#phase = new Chunk(command.octets, command.last, endsAt);
      this.#awaitClient();
    }
    this.#dialogue.ask(
      command.verb.toLowerCase(),
      () => execute(this.#conversation, command, this.#settings),
      (outcome) => this.#perform(outcome, command.verb === "DATA"),
    );
  }

  #takeFaultyLine(kind: Exclude<CommandLine["kind"], "line">, sasl: boolean): void {
    this.#dialogue.note(`C: (${kind} line)`);
    if (kind === "hopeless") {
      this.#dialogue.say(reply(500, "5.5.2", "This is no SMTP"));
      this.#dialogue.close("not-smtp");
      return;
    }
    this.#conversation.cancelAuthentication();
    // RFC 4954 §4 has its own code for the client's answers.
    const tooLong = reply(500, sasl ? "5.5.6" : "5.5.2", "Line too long");
    this.#perform({ reply: kind === "too-long" ? tooLong : reply(500, "5.5.2", "Lines end with CR LF") });
  }

  #perform(outcome: Outcome, toData = false): void {
    const { reply: answer, next } = outcome;
    if (this.#phase.kind === "chunk" && next?.kind !== "close") {
      // RFC 3030 §2: what is wrong with a chunk is said when its octets have been discarded.
      if (next?.kind === "content") this.#phase.transfer = next.transfer;
      else this.#phase.answer = outcome;
      return;
    }
    if (next?.kind === "tls" && this.#input.hasOctets) {
      // RFC 3207 §5, CVE-2011-0411: octets sent in clear must not be executed inside TLS.
      this.#dialogue.drop("starttls-injection");
      return;
    }
    if (answer !== null) this.#dialogue.say(answer);
    if (answer !== null && answer.code >= 500) this.#conversation.errors++;
    if (next?.kind === "close") {
      this.#dialogue.close(next.reason);
    } else if (answer?.code === 421) {
      // RFC 5321 §3.8: 421 announces that the channel closes, whoever gave it.
      this.#dialogue.close("refused");
    } else if (this.#conversation.errors >= this.#settings.limits.errors) {
      this.#dialogue.bow("too-many-errors");
    } else if (next?.kind === "tls") {
      this.#startTls();
    } else if (next?.kind === "content") {
      this.#phase = { kind: "data", transfer: next.transfer };
      this.#awaitClient();
    } else if (toData && this.#input.hasOctets) {
      // RFC 2920 §3.1: DATA stands last in a group. A client that sent more takes it for content, though DATA
      // was refused: it must not become commands.
      this.#dialogue.close("pipelined-data");
    } else if (this.#stopping && this.#transfer === null) this.#dialogue.bow("shutdown");
  }

  #part(answer: Reply): void {
    this.#dialogue.say(answer);
    this.#dialogue.close("refused");
  }

  #startTls(): void {
    this.#phase = { kind: "handshake" };
    this.#dialogue.expectNothing(); // the connection has its own deadline for the handshake
    this.#port.startTls();
  }

  #moved(octets = 0): void {
    this.#movedAt = performance.now();
    this.#movedOctets = octets;
  }

  /** The content under way, between two chunks too. */
  get #transfer(): ContentTransfer | null {
    return this.#conversation.transaction?.transfer ?? null;
  }

  /** Starts the deadline for what the client has to send next. */
  #awaitClient(): void {
    const { commandMs, dataBlockMs } = this.#settings.deadlines;
    const endsAt = this.#phase.kind === "chunk" ? this.#phase.endsAt : this.#transfer?.endsAt;
    const ms = this.#phase.kind === "data" || this.#phase.kind === "chunk" ? dataBlockMs : commandMs;
    this.#dialogue.expect(endsAt === undefined ? ms : Math.min(ms, endsAt - performance.now()));
  }

  #handlerFailed(method: string, cause: unknown): void {
    this.#settings.onEvent({ kind: "handler-failed", session: this.#conversation, method, cause });
    this.#conversation.cancelAuthentication();
    if (method === "finish") this.#conversation.endTransaction("reset");
    const text = `Local error, try again later (${this.#conversation.id})`;
    if (this.#phase.kind === "greeting") this.#part(reply(421, "4.3.0", text));
    else this.#perform({ reply: reply(451, "4.3.0", text) }, method === "data");
  }
}
