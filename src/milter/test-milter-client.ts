// What the tests of this module talk to: a mail server that says anything, and a milter that records.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type MilterEvent,
  type MilterHandler,
  type MilterOutcome,
  type MilterPlace,
  MilterServer,
  type MilterServerOptions,
  type MilterTransaction,
} from "./index.ts";

/** All that Sendmail 8.17 and Postfix 3.7 offer. */
export const allActions = 0x1ff;
export const allSteps = 0x1fffff;

export interface Answer {
  readonly letter: string;
  readonly data: Buffer;
}

/** A packet in octets; a number is four octets, a string ends in NUL, octets are what they are. */
export function packetOf(letter: string, ...data: readonly (string | number | Uint8Array)[]): Buffer {
  const parts = data.map((part) => {
    if (typeof part === "string") return Buffer.from(`${part}\0`);
    if (typeof part !== "number") return part;
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(part);
    return octets;
  });
  const body = Buffer.concat([Buffer.from(letter, "latin1"), ...parts]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Cuts whole packets off what a milter said. */
export function takeAnswers(octets: Buffer): { answers: Answer[]; rest: Buffer } {
  const answers: Answer[] = [];
  let at = 0;
  while (octets.length >= at + 5 && octets.length >= at + 4 + octets.readUInt32BE(at)) {
    const end = at + 4 + octets.readUInt32BE(at);
    answers.push({
      letter: String.fromCharCode(octets[at + 4] as number),
      data: Buffer.from(octets.subarray(at + 5, end)),
    });
    at = end;
  }
  return { answers, rest: octets.subarray(at) };
}

/** The mail server's end of a connection. */
export class MilterClient {
  readonly socket: Socket;
  readonly answers: Answer[] = [];
  /** In the order of reads: answers that came together. */
  readonly reads: number[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #changed = (): void => {};
  over = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket
      .on("data", (octets: Buffer) => {
        const { answers, rest } = takeAnswers(Buffer.concat([this.#rest, octets]));
        this.#rest = rest;
        this.answers.push(...answers);
        this.reads.push(answers.length);
        this.#changed();
      })
      .on("error", () => {})
      .on("close", () => {
        this.over = true;
        this.#changed();
      });
  }

  static async to(place: MilterPlace): Promise<MilterClient> {
    const socket = "path" in place ? connect(place.path) : connect({ ...place, noDelay: true });
    const client = new MilterClient(socket);
    await once(socket, "connect");
    return client;
  }

  say(letter: string, ...data: readonly (string | number | Uint8Array)[]): this {
    this.socket.write(packetOf(letter, ...data));
    return this;
  }

  /** The next answer. */
  async hear(): Promise<Answer> {
    while (this.answers.length === 0) {
      assert.ok(!this.over, "the milter has closed the connection");
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
    return this.answers.shift() as Answer;
  }

  /** The letters of all answers until one of `letters`. */
  async hearUntil(...letters: readonly string[]): Promise<Answer[]> {
    const heard: Answer[] = [];
    do heard.push(await this.hear());
    while (!letters.includes((heard.at(-1) as Answer).letter));
    return heard;
  }

  async untilOver(): Promise<void> {
    while (!this.over) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  /** Offers, and returns the answer's numbers. */
  async offer(
    version = 6,
    actions = allActions,
    steps = allSteps,
  ): Promise<{ version: number; actions: number; steps: number; macros: Buffer }> {
    const { letter, data } = await this.say("O", version, actions, steps).hear();
    assert.equal(letter, "O");
    return {
      version: data.readUInt32BE(0),
      actions: data.readUInt32BE(4),
      steps: data.readUInt32BE(8),
      macros: data.subarray(12),
    };
  }

  /** A client at 192.0.2.1, port 2525; all steps are silent by agreement. */
  client(): this {
    return this.say("C", "client.example", connectData("4", 2525, "192.0.2.1")).say("H", "client.example");
  }

  envelope(sender = "<alice@a.example>", ...recipients: readonly string[]): this {
    this.say("M", sender);
    for (const recipient of recipients.length === 0 ? ["<bob@b.example>"] : recipients)
      this.say("R", recipient);
    return this;
  }

  /** Header and body, up to the end of the message. */
  content(fields: readonly (readonly [string, string])[], ...chunks: readonly string[]): this {
    for (const [name, value] of fields) this.say("L", name, value);
    this.say("N");
    for (const chunk of chunks) this.say("B", Buffer.from(chunk));
    return this.say("E");
  }
}

/** Family, port and address of CONNECT. */
export function connectData(family: string, port: number, address: string): Buffer {
  const octets = Buffer.from(`${family}..${address}\0`);
  octets.writeUInt16BE(port, 1);
  return octets;
}

export interface Recorded {
  readonly transaction: MilterTransaction;
  /** Macros when it was finished. */
  readonly macros: Record<string, string | undefined>;
  content: string;
  fate: "open" | "finished" | "aborted";
}

export const accepted: MilterOutcome = {
  answer: { kind: "continue" },
  edits: [],
  body: null,
  quarantine: null,
};

/** A milter on loopback that takes and records everything, but for what the options change. */
export async function startMilter(
  options: Partial<MilterServerOptions> & {
    methods?: Partial<MilterHandler>;
    place?: MilterPlace;
    outcome?: (message: Recorded) => MilterOutcome | Promise<MilterOutcome>;
    write?: (octets: Uint8Array) => void | Promise<void>;
  } = {},
) {
  const messages: Recorded[] = [];
  const events: MilterEvent[] = [];
  const { methods, place, outcome, write, ...rest } = options;
  const server = new MilterServer({
    handler: {
      begin(transaction) {
        const message: Recorded = { transaction, macros: {}, content: "", fate: "open" };
        messages.push(message);
        return {
          write(octets) {
            message.content += Buffer.from(octets).toString("latin1");
            return write?.(octets);
          },
          finish() {
            message.fate = "finished";
            for (const name of ["i", "j", "auth_authen", "msg_id"])
              message.macros[name] = transaction.macros.get(name);
            return outcome?.(message) ?? accepted;
          },
          abort() {
            message.fate = "aborted";
          },
        };
      },
      ...methods,
    },
    onEvent: (event) => events.push(event),
    ...rest,
  });
  const where = await server.listen(place ?? { host: "127.0.0.1", port: 0 });
  return {
    server,
    where,
    messages,
    events,
    connect: () => MilterClient.to(where),
    async [Symbol.asyncDispose]() {
      await server.close(0);
    },
  };
}
