import { isPositive, type Reply, reply } from "../reply.ts";
import type { Chunk } from "./chunk.ts";
import type { CommandReader } from "./command-reader.ts";
import type { ContentTransfer } from "./content-transfer.ts";
import type { Dialogue } from "./dialogue.ts";
import type { ServerSettings } from "./options.ts";
import type { Outcome } from "./outcome.ts";

export interface IntakeHooks {
  /** More content has to come. */
  more(): void;
  /** The last octet of the content, or of a chunk, is there: commands follow. */
  ended(): void;
  /** What is said to it. */
  perform(outcome: Outcome): void;
}

/** Takes the content of messages from a session's input, and has it answered. */
export class ContentIntake<User> {
  readonly #dialogue: Dialogue<User>;
  readonly #input: CommandReader;
  readonly #settings: ServerSettings<User>;
  readonly #hooks: IntakeHooks;

  constructor(
    dialogue: Dialogue<User>,
    input: CommandReader,
    settings: ServerSettings<User>,
    hooks: IntakeHooks,
  ) {
    this.#dialogue = dialogue;
    this.#input = input;
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** What waits of content that has a terminator. */
  takeData(transfer: ContentTransfer): void {
    const { rest, written } = transfer.receive(this.#input.take());
    if (rest === null) this.#hooks.more();
    else {
      this.#input.push(rest);
      this.#dialogue.note(`C: (${transfer.reader.octets} octets of message data)`);
      this.#dialogue.note("C: .");
    }
    this.#dialogue.ask(
      "write",
      () => written,
      () => {
        if (rest !== null) this.#finish(transfer);
      },
    );
  }

  /** What waits of a chunk. */
  takeChunk(chunk: Chunk): void {
    const octets = this.#input.take(chunk.left);
    chunk.left -= octets.length;
    const written = chunk.transfer?.receive(octets).written ?? null;
    if (chunk.left > 0) this.#hooks.more();
    this.#dialogue.ask(
      "write",
      () => written,
      () => {
        if (chunk.left === 0) this.#endChunk(chunk);
      },
    );
  }

  #endChunk({ octets, last, transfer, answer }: Chunk): void {
    this.#dialogue.note(`C: (${octets} octets of message data)`);
    if (transfer !== null && (last || !transfer.open)) {
      this.#finish(transfer);
      return;
    }
    this.#hooks.ended();
    // RFC 3030 §2: after a chunk that was refused, those that may follow are no message any more.
    if (transfer === null) this.#dialogue.conversation.endTransaction("reset");
    this.#hooks.perform(answer ?? { reply: reply(250, "2.0.0", `${octets} octets received`) });
  }

  #finish(transfer: ContentTransfer): void {
    this.#hooks.ended();
    this.#dialogue.ask(
      "finish",
      () => transfer.finish(),
      (answer) => this.#answered(transfer, answer),
    );
  }

  #answered(transfer: ContentTransfer, answer: Reply): void {
    const { conversation } = this.#dialogue;
    const { fault, endIsDoubtful } = transfer.reader;
    if (fault !== null) {
      const envelopeId = conversation.transaction?.id ?? "";
      this.#settings.onEvent({ kind: "content-refused", session: conversation, envelopeId, fault });
    }
    if (isPositive(answer)) {
      conversation.errors = 0;
      conversation.idleCommands = 0;
    }
    conversation.endTransaction("reset");
    // A peer that sends bare CR or LF may have another notion of where the message ended: what it sends next
    // can be an attacker's, so the connection does not outlive the reply (as in Postfix since 3.9).
    const outcome: Outcome = { reply: answer };
    this.#hooks.perform(
      endIsDoubtful ? { ...outcome, next: { kind: "close", reason: "smuggling" } } : outcome,
    );
  }
}
