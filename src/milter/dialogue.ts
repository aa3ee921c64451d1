import { Deadline } from "../deadline/index.ts";
import { answerPacket, continuePacket, localError, progressPacket } from "./answer-packets.ts";
import type { Awaitable, MilterAnswer, MilterConnection, MilterOutcome } from "./handler.ts";
import type { MilterSettings } from "./options.ts";
import type { SessionPort } from "./session-port.ts";

export interface DialogueHooks {
  connection(): MilterConnection | null;
  /** What is expected does not come. */
  silent(): void;
  /** An answer was acted on: input can be worked on again. */
  proceed(): void;
}

/** What every step of a session has at hand: it says answers, asks the handler one question at a time, keeps deadlines. */
export class Dialogue {
  readonly #settings: MilterSettings;
  readonly #port: SessionPort;
  readonly #hooks: DialogueHooks;
  readonly #deadline = new Deadline(() => this.#expired());
  /** The question whose answer is awaited. */
  #awaited: { readonly method: string; readonly fail: () => void } | null = null;
  #progress: NodeJS.Timeout | null = null;
  #onDrained: (() => void) | null = null;
  #ended = false;
  /** Commands that the mail server waits behind for an answer. */
  answered: ReadonlySet<string> = new Set();

  constructor(settings: MilterSettings, port: SessionPort, hooks: DialogueHooks) {
    this.#settings = settings;
    this.#port = port;
    this.#hooks = hooks;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Input has to wait: for the handler, or for ever. */
  get busy(): boolean {
    return this.#ended || this.#awaited !== null;
  }

  /** The mail server has this long for what it has to do next. */
  expect(ms: number): void {
    this.#deadline.set(ms);
  }

  /**
   * Puts a question; the answer is acted on at once, or later while the input waits.
   *
   * @param failed it threw, rejected or took too long
   * @param abandon for an answer that comes when nobody waits for it any more
   */
  ask<T>(
    method: string,
    question: () => Awaitable<T>,
    act: (answer: T) => void,
    failed: () => void,
    abandon: (answer: T) => void = () => {},
  ): void {
    let answer: Awaitable<T>;
    try {
      answer = question();
    } catch (cause) {
      this.#failed(method, cause);
      failed();
      return;
    }
    if (!(answer instanceof Promise)) {
      act(answer);
      return;
    }
    const awaited = { method, fail: failed };
    this.#awaited = awaited;
    this.#deadline.set(this.#settings.deadlines.handlerMs);
    const settle = (done: () => void): void => {
      if (this.#awaited !== awaited) return;
      this.#awaited = null;
      done();
      this.#hooks.proceed();
    };
    answer.then(
      (value) => {
        if (this.#awaited !== awaited) abandon(value);
        else settle(() => act(value));
      },
      (cause) =>
        settle(() => {
          this.#failed(method, cause);
          failed();
        }),
    );
  }

  /**
   * Asks for a message's outcome, telling the mail server meanwhile that it is worked on, and has it carried out.
   *
   * @param carryOut says all but the answer; `still` tells whether anybody waits for it
   */
  askForOutcome(
    question: () => Awaitable<MilterOutcome>,
    carryOut: (outcome: MilterOutcome, still: () => boolean) => Promise<void>,
    act: (answer: MilterAnswer) => void,
    failed: () => void,
  ): void {
    this.#progress = setInterval(() => {
      if (!this.#port.congested) this.#port.send(progressPacket);
    }, this.#settings.deadlines.progressMs);
    const stopped = (): void => {
      if (this.#progress !== null) clearInterval(this.#progress);
      this.#progress = null;
    };
    let over = false;
    this.ask(
      "finish",
      async () => {
        const outcome = await question();
        const still = () => !over && !this.#ended;
        try {
          if (still()) {
            stopped();
            await carryOut(outcome, still);
          }
          return outcome.answer;
        } finally {
          await outcome.release?.();
        }
      },
      (answer) => {
        over = true;
        act(answer);
      },
      () => {
        over = true;
        stopped();
        failed();
      },
    );
  }

  send(octets: Uint8Array): void {
    this.#port.send(octets);
  }

  /** Answers a command, where the mail server waits for it; with null: go on. */
  answer(letter: string, said: MilterAnswer | null): void {
    if (this.#ended || !this.answered.has(letter)) return;
    if (said === null) {
      this.send(continuePacket);
      return;
    }
    try {
      this.send(answerPacket(said));
    } catch (cause) {
      this.#failed("answer", cause);
      this.send(answerPacket(localError));
    }
  }

  /** Within an outcome: null when more can be sent at once. Meanwhile it is the mail server who is waited for. */
  untilDrained(): Promise<void> | null {
    if (this.#ended || !this.#port.congested) return null;
    const { contentMs, handlerMs } = this.#settings.deadlines;
    this.#deadline.set(contentMs);
    return new Promise((resolve) => {
      this.#onDrained = () => {
        this.#deadline.set(handlerMs);
        resolve();
      };
    });
  }

  drained(): void {
    this.#onDrained?.();
    this.#onDrained = null;
  }

  #failed(method: string, cause: unknown): void {
    const connection = this.#hooks.connection();
    if (connection !== null) this.#settings.onEvent({ kind: "handler-failed", connection, method, cause });
  }

  end(): void {
    this.#ended = true;
    this.#awaited = null;
    if (this.#progress !== null) clearInterval(this.#progress);
    this.#progress = null;
    this.drained();
    this.#deadline.close();
  }

  #expired(): void {
    const awaited = this.#awaited;
    if (awaited === null || this.#port.congested) {
      this.#hooks.silent();
      return;
    }
    this.#awaited = null;
    const connection = this.#hooks.connection();
    if (connection !== null) {
      this.#settings.onEvent({ kind: "handler-timeout", connection, method: awaited.method });
    }
    awaited.fail();
    this.#hooks.proceed();
  }
}
