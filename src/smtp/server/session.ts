import { Deadline } from "../deadline.ts";
import { formatReply, isPositive, type Reply, reply } from "../reply.ts";
import { respond } from "./authentication.ts";
import { type CommandLine, CommandReader } from "./command-reader.ts";
import { execute } from "./commands.ts";
import { type Authentication, Conversation, type Endpoints } from "./conversation.ts";
import { DataTransfer } from "./data-transfer.ts";
import type { AbortReason, Awaitable, DataSink, SessionInfo, TlsInfo } from "./handler.ts";
import type { CloseReason, ServerSettings } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import { parseCommand } from "./parse-command.ts";
import type { SessionPort } from "./session-port.ts";
import { showCommand } from "./show-command.ts";

type Phase =
  | { readonly kind: "greeting" }
  | { readonly kind: "command" }
  | { readonly kind: "data"; readonly transfer: DataTransfer; readonly endsAt: number }
  | { readonly kind: "handshake" }
  | { readonly kind: "over"; readonly reason: CloseReason };

const commandPhase: Phase = { kind: "command" };

/**
 * One client's session: octets in, replies and handler calls out, apart from any socket. It works on one command
 * or block of data at a time; while the handler's answer is awaited the input waits (`ready` is false).
 */
export class Session<User> {
  readonly #settings: ServerSettings<User>;
  readonly #port: SessionPort;
  readonly #conversation: Conversation<User>;
  readonly #input = new CommandReader();
  readonly #deadline = new Deadline(() => this.#expired());
  readonly #endsAt: number;
  /** Adds a line to the transcript. */
  readonly #note: ((line: string) => void) | null;
  #phase: Phase = { kind: "greeting" };
  /** The handler's method whose answer is awaited. */
  #awaited: string | null = null;
  #stopping = false;
  #inputEnded = false;
  /** The handler was asked about this client, and will be told when it is gone. */
  #introduced = false;

  constructor(settings: ServerSettings<User>, port: SessionPort, endpoints: Endpoints) {
    this.#settings = settings;
    this.#port = port;
    this.#conversation = new Conversation(settings.newSessionId(), endpoints);
    this.#endsAt = performance.now() + settings.deadlines.sessionMs;
    const { transcript } = settings;
    this.#note = transcript === null ? null : (line) => transcript(this.#conversation, line);
  }

  get info(): SessionInfo<User> {
    return this.#conversation;
  }

  /** Whether it takes more input now. If not, it will call the port's `flush` when it does. */
  get ready(): boolean {
    return this.#awaited === null && this.#phase.kind !== "handshake" && !this.#port.congested;
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
    this.#ask(
      "connect",
      () => this.#settings.handler.connect?.(this.#conversation) ?? null,
      (answer) => {
        if (answer === null || isPositive(answer)) this.#greetSoon();
        else {
          this.#say(answer);
          this.#close("refused");
        }
      },
    );
    if (this.#awaited !== null) this.#port.flushSoon();
  }

  receive(chunk: Buffer): void {
    if (this.#phase.kind === "over") return;
    if (this.#phase.kind === "greeting") {
      // RFC 5321 §3.1, §4.3.1: the client waits for the greeting. Those who do not are not mail clients.
      this.#say(reply(554, "5.5.1", "You spoke before the greeting"));
      this.#close("early-talker");
      return;
    }
    this.#input.push(chunk);
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
    if (this.#phase.kind !== "handshake") return;
    this.#conversation.secured(tls, channelBinding);
    this.#note?.(`   <TLS: ${tls.version}, ${tls.cipher}>`);
    if (this.#introduced) {
      this.#phase = commandPhase;
      this.#awaitClient();
    } else this.#askWhetherToTalk();
  }

  handshakeFailed(cause: unknown): void {
    this.#settings.onEvent({ kind: "tls-failed", session: this.#conversation, cause });
    this.#drop("tls-failed");
  }

  /** Ends the session with 421 as soon as no command or message is in work (RFC 5321 §3.8). */
  shutdown(): void {
    this.#stopping = true;
    if (this.#awaited === null && this.#phase.kind !== "data") this.#bow("shutdown");
  }

  /** The connection is gone. */
  closed(): void {
    this.#deadline.close();
    this.#conversation.cancelAuthentication();
    this.#abortTransfer(this.#stopping ? "shutdown" : "disconnected");
    const reason = this.#phase.kind === "over" ? this.#phase.reason : "disconnected";
    this.#phase = { kind: "over", reason };
    if (this.#introduced) this.#settings.handler.disconnect?.(this.#conversation);
    this.#settings.onEvent({ kind: "closed", session: this.#conversation, reason });
  }

  #greetSoon(): void {
    const greet = () => {
      if (this.#phase.kind !== "greeting") return;
      this.#phase = commandPhase;
      this.#say(reply(220, null, `${this.#settings.hostname} ESMTP`));
      this.#awaitClient();
      this.#pump();
    };
    const delayMs = this.#settings.deadlines.greetingDelayMs;
    if (delayMs > 0) setTimeout(greet, delayMs);
    // Two turns of the event loop: what the client has sent already is read, and then refused, before.
    else setImmediate(() => setImmediate(greet));
  }

  #pump(): void {
    while (this.#awaited === null && !this.#port.congested) {
      if (this.#phase.kind === "data") {
        if (!this.#input.hasOctets) break;
        this.#takeData(this.#phase.transfer);
      } else if (this.#phase.kind === "command") {
        const line = this.#input.next();
        if (line === null) break;
        this.#takeLine(line);
      } else break;
    }
    if (this.#phase.kind === "over" || this.#phase.kind === "handshake") return;
    if (this.#awaited !== null) this.#port.flushSoon();
    else if (this.#inputEnded && !this.#port.congested) this.#close("disconnected");
    else this.#port.flush();
  }

  #takeLine(found: CommandLine): void {
    const { authentication } = this.#conversation;
    this.#phase = commandPhase;
    this.#awaitClient();
    if (found.kind !== "line") this.#takeFaultyLine(found.kind, authentication !== null);
    else if (authentication !== null) this.#takeResponse(found.line, authentication);
    else this.#takeCommand(found.line);
  }

  #takeResponse(octets: Buffer, authentication: Authentication<User>): void {
    const line = octets.toString("latin1");
    this.#note?.(`C: ${line === "*" ? "*" : "(credentials)"}`);
    this.#ask(
      "authenticate",
      () => respond(this.#conversation, authentication, line, this.#settings),
      (outcome) => this.#perform(outcome),
    );
  }

  #takeCommand(line: Buffer): void {
    this.#note?.(`C: ${showCommand(line)}`);
    const command = parseCommand(line);
    if (command.verb === "MAIL" && performance.now() > this.#endsAt) {
      this.#bow("timeout");
      return;
    }
    this.#ask(
      command.verb.toLowerCase(),
      () => execute(this.#conversation, command, this.#settings),
      (outcome) => this.#perform(outcome, command.verb === "DATA"),
    );
  }

  #takeFaultyLine(kind: Exclude<CommandLine["kind"], "line">, sasl: boolean): void {
    this.#note?.(`C: (${kind} line)`);
    if (kind === "hopeless") {
      this.#say(reply(500, "5.5.2", "This is no SMTP"));
      this.#close("not-smtp");
      return;
    }
    this.#conversation.cancelAuthentication();
    // RFC 4954 §4 has its own code for the client's answers.
    const tooLong = reply(500, sasl ? "5.5.6" : "5.5.2", "Line too long");
    this.#perform({ reply: kind === "too-long" ? tooLong : reply(500, "5.5.2", "Lines end with CR LF") });
  }

  #takeData(transfer: DataTransfer): void {
    const step = transfer.receive(this.#input.takeRest());
    if (step.rest !== null) {
      this.#input.push(step.rest);
      this.#note?.(`C: (${transfer.octets} octets of message data)`);
      this.#note?.("C: .");
    } else this.#awaitClient();
    this.#ask(
      "write",
      () => step.written,
      () => {
        if (step.rest !== null) this.#finish(transfer);
      },
    );
  }

  #finish(transfer: DataTransfer): void {
    this.#ask(
      "finish",
      () => transfer.finish(),
      (answer) => {
        const { fault } = transfer;
        if (fault !== null) {
          const envelopeId = this.#conversation.transaction?.id ?? "";
          this.#settings.onEvent({ kind: "content-refused", session: this.#conversation, envelopeId, fault });
        }
        if (isPositive(answer)) {
          this.#conversation.errors = 0;
          this.#conversation.idleCommands = 0;
        }
        this.#conversation.transaction = null;
        this.#phase = commandPhase;
        this.#awaitClient();
        // A peer that sends bare CR or LF may have another notion of where the message ended: what it sends next
        // can be an attacker's, so the connection does not outlive the reply (as in Postfix since 3.9).
        if (fault === "bare-cr" || fault === "bare-lf") {
          this.#say(answer);
          this.#close("smuggling");
        } else this.#perform({ reply: answer });
      },
    );
  }

  #perform(outcome: Outcome, toData = false): void {
    const { reply: answer, next } = outcome;
    if (next?.kind === "tls" && this.#input.hasOctets) {
      // RFC 3207 §5, CVE-2011-0411: octets sent in clear must not be executed inside TLS.
      this.#drop("starttls-injection");
      return;
    }
    this.#say(answer);
    if (answer.code >= 500) this.#conversation.errors++;
    if (next?.kind === "close") {
      this.#close(next.reason);
    } else if (answer.code === 421) {
      // RFC 5321 §3.8: 421 announces that the channel closes, whoever gave it.
      this.#close("refused");
    } else if (this.#conversation.errors >= this.#settings.limits.errors) {
      this.#bow("too-many-errors");
    } else if (next?.kind === "tls") {
      this.#startTls();
    } else if (next?.kind === "data") {
      this.#startTransfer(next.sink);
    } else if (toData && this.#input.hasOctets) {
      // RFC 2920 §3.1: DATA stands last in a group. A client that sent more takes it for content, though DATA
      // was refused: it must not become commands.
      this.#close("pipelined-data");
    } else if (this.#stopping) this.#bow("shutdown");
  }

  #startTls(): void {
    this.#phase = { kind: "handshake" };
    this.#deadline.clear(); // the connection has its own for the handshake
    this.#port.startTls();
  }

  #startTransfer(sink: DataSink): void {
    const { limits, deadlines, onEvent } = this.#settings;
    const transfer = new DataTransfer(sink, limits.messageOctets, (cause) =>
      onEvent({ kind: "handler-failed", session: this.#conversation, method: "write", cause }),
    );
    this.#phase = { kind: "data", transfer, endsAt: performance.now() + deadlines.dataTotalMs };
    this.#awaitClient();
  }

  /** Starts the deadline for what the client has to send next. */
  #awaitClient(): void {
    const { commandMs, dataBlockMs } = this.#settings.deadlines;
    const leftMs = this.#phase.kind === "data" ? this.#phase.endsAt - performance.now() : 0;
    this.#deadline.set(this.#phase.kind === "data" ? Math.max(0, Math.min(dataBlockMs, leftMs)) : commandMs);
  }

  /** Puts a question to the handler; the answer is acted on at once, or later while the input waits. */
  #ask<T>(method: string, question: () => Awaitable<T>, act: (answer: T) => void): void {
    let answer: Awaitable<T>;
    try {
      answer = question();
    } catch (cause) {
      this.#handlerFailed(method, cause);
      return;
    }
    if (!(answer instanceof Promise)) {
      act(answer);
      return;
    }
    this.#awaited = method;
    this.#deadline.set(this.#settings.deadlines.handlerMs);
    const settle = (done: () => void) => {
      this.#awaited = null;
      if (this.#phase.kind !== "over") {
        this.#awaitClient();
        done();
        this.#pump();
      }
    };
    answer.then(
      (value) => {
        if (this.#phase.kind === "over") abandon(value);
        settle(() => act(value));
      },
      (cause) => settle(() => this.#handlerFailed(method, cause)),
    );
  }

  #handlerFailed(method: string, cause: unknown): void {
    this.#settings.onEvent({ kind: "handler-failed", session: this.#conversation, method, cause });
    this.#conversation.cancelAuthentication();
    if (this.#phase.kind === "data") {
      this.#conversation.transaction = null;
      this.#phase = commandPhase;
    }
    const answer = reply(451, "4.3.0", `Local error, try again later (${this.#conversation.id})`);
    if (this.#phase.kind === "greeting") {
      this.#say(reply(421, "4.3.0", answer.text));
      this.#close("refused");
    } else this.#perform({ reply: answer }, method === "data");
  }

  #expired(): void {
    if (this.#awaited !== null) {
      this.#settings.onEvent({ kind: "handler-timeout", session: this.#conversation, method: this.#awaited });
      this.#abortTransfer("timeout");
      this.#say(reply(421, "4.3.0", "Local error, try again later"));
      this.#close("handler-timeout");
    } else if (this.#port.congested) {
      this.#drop("timeout");
    } else {
      this.#abortTransfer("timeout");
      this.#bow("timeout");
    }
  }

  /** Takes leave with 421 (RFC 5321 §3.8). */
  #bow(reason: "shutdown" | "timeout" | "too-many-errors"): void {
    const bows = {
      shutdown: reply(421, "4.3.2", `${this.#settings.hostname} is shutting down`),
      timeout: reply(421, "4.4.2", `${this.#settings.hostname} timed out, closing`),
      "too-many-errors": reply(421, "4.7.0", "Too many errors, closing"),
    };
    if (this.#phase.kind === "handshake") this.#drop(reason);
    else if (this.#phase.kind !== "over") {
      this.#say(bows[reason]);
      this.#close(reason);
    }
  }

  #close(reason: CloseReason): void {
    if (this.#end(reason)) this.#port.close();
  }

  #drop(reason: CloseReason): void {
    if (this.#end(reason)) this.#port.abort();
  }

  #end(reason: CloseReason): boolean {
    if (this.#phase.kind === "over") return false;
    this.#abortTransfer("disconnected");
    this.#conversation.cancelAuthentication();
    this.#deadline.clear();
    this.#phase = { kind: "over", reason };
    return true;
  }

  #abortTransfer(reason: AbortReason): void {
    if (this.#phase.kind === "data") this.#phase.transfer.abort(reason);
  }

  #say(answer: Reply): void {
    const octets = formatReply(answer);
    this.#port.send(octets);
    if (this.#note === null) return;
    for (const line of octets.slice(0, -2).split("\r\n")) this.#note(`S: ${line}`);
  }
}

/** An answer that comes after the session's end: a sink among them is told. */
function abandon(answer: unknown): void {
  const next = (answer as Outcome | null)?.next;
  if (next?.kind === "data") next.sink.abort("disconnected");
}
