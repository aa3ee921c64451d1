import { Deadline } from "../../deadline/index.ts";
import { formatReply, type Reply, reply } from "../reply.ts";
import { Conversation, type Endpoints } from "./conversation.ts";
import type { AbortReason, Awaitable } from "./handler.ts";
import type { CloseReason, ServerSettings } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import type { SessionPort } from "./session-port.ts";

export interface DialogueHooks {
  /** The handler has answered, and the answer has not been acted on. */
  answered(): void;
  /** Input can be worked on again. */
  resume(): void;
  /** A method of the handler threw or rejected. */
  failed(method: string, cause: unknown): void;
}

/**
 * What every step of a session has at hand: it says replies, asks the handler one question at a time, keeps deadlines,
 * and ends the connection, once.
 */
export class Dialogue<User> {
  readonly conversation: Conversation<User>;
  readonly #settings: ServerSettings<User>;
  readonly #port: SessionPort;
  readonly #hooks: DialogueHooks;
  readonly #deadline = new Deadline(() => this.#expired());
  /** Adds a line to the transcript. */
  readonly #note: ((line: string) => void) | null;
  /** The handler's method whose answer is awaited. */
  #awaited: string | null = null;
  #ended: CloseReason | null = null;

  constructor(settings: ServerSettings<User>, port: SessionPort, endpoints: Endpoints, hooks: DialogueHooks) {
    this.#settings = settings;
    this.#port = port;
    this.#hooks = hooks;
    this.conversation = new Conversation(settings.newSessionId(), endpoints);
    const { transcript } = settings;
    this.#note = transcript === null ? null : (line) => transcript(this.conversation, line);
  }

  /** Whether the handler's answer is awaited: the input waits. */
  get asking(): boolean {
    return this.#awaited !== null;
  }

  /** Why the session ended; null while it goes on. */
  get ended(): CloseReason | null {
    return this.#ended;
  }

  /** The client has this long for what it has to send next. */
  expect(ms: number): void {
    this.#deadline.set(Math.max(0, ms));
  }

  /** Nothing is expected, or somebody else sees to it. */
  expectNothing(): void {
    this.#deadline.clear();
  }

  note(line: string): void {
    this.#note?.(line);
  }

  /** Whether `note` has a reader, so that lines need not be made up in vain. */
  get noted(): boolean {
    return this.#note !== null;
  }

  say(answer: Reply): void {
    const octets = formatReply(answer);
    this.#port.send(octets);
    if (this.#note === null) return;
    for (const line of octets.slice(0, -2).split("\r\n")) this.#note(`S: ${line}`);
  }

  /** Puts a question to the handler; the answer is acted on at once, or later while the input waits. */
  ask<T>(method: string, question: () => Awaitable<T>, act: (answer: T) => void): void {
    let answer: Awaitable<T>;
    try {
      answer = question();
    } catch (cause) {
      this.#hooks.failed(method, cause);
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
      if (this.#ended !== null) return;
      this.#hooks.answered();
      done();
      this.#hooks.resume();
    };
    answer.then(
      (value) => {
        if (this.#ended !== null) abandon(value);
        settle(() => act(value));
      },
      (cause) => settle(() => this.#hooks.failed(method, cause)),
    );
  }

  /** Takes leave with 421 (RFC 5321 §3.8). */
  bow(
    reason: "shutdown" | "timeout" | "too-many-errors" | "crowded",
    abort: AbortReason = "disconnected",
  ): void {
    if (this.#ended !== null) return;
    const { hostname } = this.#settings;
    const bows = {
      shutdown: reply(421, "4.3.2", `${hostname} is shutting down`),
      timeout: reply(421, "4.4.2", `${hostname} timed out, closing`),
      "too-many-errors": reply(421, "4.7.0", "Too many errors, closing"),
      crowded: reply(421, "4.4.5", `${hostname} needs the place for another client`),
    };
    this.say(bows[reason]);
    this.close(reason, abort);
  }

  /** Ends the session once what was said is on its way. */
  close(reason: CloseReason, abort: AbortReason = "disconnected"): void {
    if (this.#end(reason, abort)) this.#port.close();
  }

  /** Ends the session at once. */
  drop(reason: CloseReason): void {
    if (this.#end(reason, "disconnected")) this.#port.abort();
  }

  /** The connection is gone. */
  gone(abort: AbortReason): void {
    this.#end("disconnected", abort);
    this.#deadline.close();
  }

  #end(reason: CloseReason, abort: AbortReason): boolean {
    if (this.#ended !== null) return false;
    this.#ended = reason;
    this.conversation.transaction?.transfer?.abort(abort);
    this.conversation.cancelAuthentication();
    this.#deadline.clear();
    return true;
  }

  #expired(): void {
    if (this.#awaited !== null) {
      this.#settings.onEvent({ kind: "handler-timeout", session: this.conversation, method: this.#awaited });
      this.say(reply(421, "4.3.0", "Local error, try again later"));
      this.close("handler-timeout", "timeout");
    } else if (this.#port.congested) this.drop("timeout");
    else this.bow("timeout", "timeout");
  }
}

/** An answer that comes after the session's end: a sink among them is told. */
function abandon(answer: unknown): void {
  const next = (answer as Outcome | null)?.next;
  if (next?.kind === "content") next.transfer.abort("disconnected");
}
