import type { Macros } from "./handler.ts";
import { DataReader } from "./packet.ts";
import { command } from "./protocol.ts";

/** The commands that macros are for, in their order. */
const stages = [
  command.connect,
  command.helo,
  command.mail,
  command.rcpt,
  command.data,
  command.header,
  command.endOfHeader,
  command.body,
  command.endOfMessage,
].join("");

/**
 * What a mail server has said of the stages of a session. The macros of a command come right before it. Those of an earlier
 * command of its kind, and of commands behind it, go then: no message has macros of another one.
 */
export class MacroTable implements Macros {
  readonly #byStage: (ReadonlyMap<string, string> | undefined)[] = [];
  /** Stages whose command has not come. */
  #announced = -1;

  get(name: string): string | undefined {
    const bare = bareName(name);
    for (let stage = this.#byStage.length - 1; stage >= 0; stage--) {
      const value = this.#byStage[stage]?.get(bare);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Takes the data of a macro packet. Returns what is wrong with it, or null. */
  define(data: Buffer): string | null {
    const letter = String.fromCharCode(data[0] ?? 0);
    const texts = new DataReader(data.subarray(1)).texts();
    if (data.length === 0 || texts === null) return "macros that do not end";
    const stage = stages.indexOf(letter);
    // Of another command, as UNKNOWN: nobody asks.
    if (stage === -1) return null;
    const values = new Map<string, string>();
    for (let at = 0; at + 1 < texts.length; at += 2) {
      values.set(bareName(texts[at] as string), texts[at + 1] as string);
    }
    this.#byStage.length = Math.min(this.#byStage.length, stage);
    this.#byStage[stage] = values;
    this.#announced = stage;
    return null;
  }

  /** A command has come. */
  enter(letter: string): void {
    const stage = stages.indexOf(letter);
    if (stage === -1) return;
    this.#byStage.length = Math.min(this.#byStage.length, this.#announced === stage ? stage + 1 : stage);
    this.#announced = -1;
  }

  /** A message is over. */
  endMessage(): void {
    this.#byStage.length = Math.min(this.#byStage.length, stages.indexOf(command.mail));
  }

  /** Another client follows. */
  clear(): void {
    this.#byStage.length = 0;
  }
}

function bareName(name: string): string {
  return name.startsWith("{") && name.endsWith("}") ? name.slice(1, -1) : name;
}
