import { localError } from "./answer-packets.ts";
import { ContentIntake } from "./content-intake.ts";
import { Dialogue } from "./dialogue.ts";
import type { MilterAnswer, MilterConnection } from "./handler.ts";
import { MacroTable } from "./macro-table.ts";
import { type Agreement, negotiate } from "./negotiation.ts";
import type { MilterSettings } from "./options.ts";
import { PacketReader, type ReadStep } from "./packet-reader.ts";
import { command } from "./protocol.ts";
import { readConnection } from "./read-connection.ts";
import { readPath } from "./read-path.ts";
import type { SessionPort } from "./session-port.ts";
import { Transaction, tooManyRecipients } from "./transaction.ts";

type Packet = Exclude<ReadStep, { kind: "broken" }>;

/** What is agreed, and what follows from it. */
interface Terms extends Agreement {
  readonly content: ContentIntake;
}

/** What a mail server's client is while it is told of; HELO may come again. */
type Connection = { -readonly [Key in keyof MilterConnection]: MilterConnection[Key] };

/**
 * One mail server's connection without the connection: octets in, answers out. A mail server tells what its client does, as
 * it happens; it may begin a message anew at any time, and have many, of many clients.
 */
export class MilterSession {
  readonly #settings: MilterSettings;
  readonly #port: SessionPort;
  readonly #dialogue: Dialogue;
  readonly #reader = new PacketReader();
  readonly #macros = new MacroTable();
  #terms: Terms | null = null;
  #connection: Connection | null = null;
  #transaction: Transaction | null = null;
  #draining = false;

  constructor(settings: MilterSettings, port: SessionPort) {
    this.#settings = settings;
    this.#port = port;
    this.#dialogue = new Dialogue(settings, port, {
      connection: () => this.#connection,
      silent: () => this.#fellSilent(),
      proceed: () => this.#pump(),
    });
    this.#dialogue.expect(settings.deadlines.negotiationMs);
  }

  /** Whether it takes octets now; if not, the port is told when. */
  get ready(): boolean {
    return !this.#dialogue.busy && !this.#port.congested;
  }

  receive(octets: Buffer): void {
    this.#reader.push(octets);
    this.#pump();
  }

  /** The mail server has read what it was sent. */
  resume(): void {
    this.#dialogue.drained();
    this.#pump();
  }

  /** The connection is gone. */
  closed(): void {
    this.#abandon("disconnected");
  }

  /** A message under way is finished, then it closes. */
  shutdown(): void {
    this.#draining = true;
    const transaction = this.#transaction;
    if (transaction === null || (transaction.verdict !== null && transaction.stage === "envelope"))
      this.#close();
  }

  /** Ends at once. */
  drop(): void {
    this.#abandon("shutdown");
    this.#port.abort();
  }

  /** Content comes without waiting for the mail server's client. */
  get #inContent(): boolean {
    return this.#transaction !== null && this.#transaction.stage !== "envelope";
  }

  #pump(): void {
    while (this.ready) {
      const step = this.#reader.next();
      if (step === null) {
        this.#expectMore();
        this.#port.resume();
        return;
      }
      if (step.kind === "broken") this.#break(step.command, step.detail);
      else this.#take(step);
    }
    if (!this.#dialogue.busy) this.#dialogue.expect(this.#settings.deadlines.contentMs);
  }

  /** What comes next has its time. That of the first packet is not prolonged. */
  #expectMore(): void {
    const { contentMs, idleMs } = this.#settings.deadlines;
    if (this.#terms === null) return;
    this.#dialogue.expect(this.#reader.inPacket || this.#inContent ? contentMs : idleMs);
  }

  #take(packet: Packet): void {
    const letter = packet.command;
    if (packet.kind === "packet" || packet.last) this.#macros.enter(letter);
    if (letter === command.quit) this.#close();
    else if (this.#terms === null) this.#negotiate(packet);
    else if (packet.kind === "body") this.#takeBody(this.#terms, packet);
    else this.#takeCommand(this.#terms, letter, packet.data);
  }

  #negotiate(packet: Packet): void {
    if (packet.kind === "body" || packet.command !== command.negotiate) {
      this.#break(packet.command, "a command before the offer");
      return;
    }
    const agreement = negotiate(packet.data, this.#settings.handler.rcpt !== undefined);
    if (typeof agreement === "string") {
      this.#break(packet.command, agreement);
      return;
    }
    const ended = () => this.#endTransaction();
    const content = new ContentIntake(this.#settings, this.#dialogue, agreement, ended);
    this.#terms = { ...agreement, content };
    this.#dialogue.answered = agreement.answered;
    this.#dialogue.send(agreement.reply);
  }

  #takeCommand(terms: Terms, letter: string, data: Buffer): void {
    switch (letter) {
      case command.negotiate:
        this.#break(letter, "an offer behind the first one");
        return;
      case command.macros: {
        const fault = this.#macros.define(data);
        if (fault !== null) this.#break(letter, fault);
        return;
      }
      case command.connect:
        this.#connect(terms, data);
        return;
      case command.quitForNew:
        this.#expectNewClient();
        return;
    }
    if (this.#connection === null) this.#break(letter, "a command before CONNECT");
    else this.#takeClientCommand(terms, this.#connection, letter, data);
  }

  #connect({ version, allows }: Terms, data: Buffer): void {
    const client = this.#connection === null ? readConnection(data) : "a second client, without QUIT between";
    if (typeof client === "string") {
      this.#break(command.connect, client);
      return;
    }
    this.#connection = { id: this.#settings.newConnectionId(), ...client, helo: null, version, allows };
    this.#dialogue.answer(command.connect, null);
  }

  #expectNewClient(): void {
    this.#abort();
    this.#connection = null;
    this.#macros.clear();
    if (this.#draining) this.#close();
  }

  #takeClientCommand(terms: Terms, connection: Connection, letter: string, data: Buffer): void {
    switch (letter) {
      case command.helo:
        this.#abort();
        connection.helo = data.toString("utf8", 0, data.at(-1) === 0 ? data.length - 1 : data.length);
        this.#dialogue.answer(letter, null);
        return;
      case command.mail:
        this.#mail(connection, data);
        return;
      case command.abort:
        this.#abort();
        this.#endTransaction();
        return;
      case command.unknown:
        this.#dialogue.answer(letter, null);
        return;
    }
    if (this.#transaction === null) this.#break(letter, "a command that belongs behind MAIL");
    else this.#takeMessageCommand(terms.content, this.#transaction, letter, data);
  }

  #takeMessageCommand(content: ContentIntake, transaction: Transaction, letter: string, data: Buffer): void {
    const answer = () => this.#dialogue.answer(letter, transaction.verdict);
    switch (letter) {
      case command.rcpt:
      case command.data:
        if (transaction.message !== null || this.#inContent) {
          this.#break(letter, "a command of the envelope within the content");
          return;
        }
        transaction.reopen();
        if (letter === command.rcpt) this.#rcpt(transaction, data);
        else content.begin(transaction, answer);
        return;
      case command.header:
        content.begin(transaction, () => {
          const fault = content.takeField(transaction, data);
          if (fault !== null) this.#break(letter, fault);
        });
        return;
      case command.endOfHeader:
        content.begin(transaction, () => content.endHeader(transaction, answer));
    }
  }

  #takeBody({ content }: Terms, packet: Extract<ReadStep, { kind: "body" }>): void {
    if (this.#transaction === null) this.#break(packet.command, "a command that belongs behind MAIL");
    else content.takeBody(this.#transaction, packet);
  }

  #mail(connection: Connection, data: Buffer): void {
    const sender = readPath(data);
    if (sender === null) {
      this.#break(command.mail, "an address that does not end");
      return;
    }
    this.#abort();
    if (this.#draining) {
      this.#close();
      return;
    }
    this.#transaction = new Transaction(connection, sender, this.#macros);
    this.#dialogue.answer(command.mail, null);
  }

  #rcpt(transaction: Transaction, data: Buffer): void {
    const recipient = readPath(data);
    const { handler, limits } = this.#settings;
    if (recipient === null) this.#break(command.rcpt, "an address that does not end");
    else if (transaction.verdict !== null) this.#dialogue.answer(command.rcpt, transaction.verdict);
    else if (
      transaction.recipients.length >= limits.recipients ||
      transaction.recipientOctets + data.length > limits.recipientOctets
    ) {
      this.#leaveOut(transaction);
    } else {
      const act = (answer: MilterAnswer) => {
        if (answer.kind === "continue") {
          transaction.recipients.push(recipient);
          transaction.recipientOctets += data.length;
        } else if (answer.kind !== "refuse") transaction.verdict = answer;
        this.#dialogue.answer(command.rcpt, answer);
      };
      const question = () => handler.rcpt?.(transaction, recipient) ?? { kind: "continue" as const };
      this.#dialogue.ask("rcpt", question, act, () => act(localError));
    }
  }

  #leaveOut(transaction: Transaction): void {
    const { connection, isFull } = transaction;
    if (!isFull) {
      this.#settings.onEvent({ kind: "message-refused", connection, reason: "too-many-recipients" });
    }
    transaction.isFull = true;
    this.#dialogue.answer(command.rcpt, tooManyRecipients);
  }

  /** A message that was begun will not be completed. */
  #abort(): void {
    this.#transaction?.abort();
    this.#transaction = null;
  }

  /** The transaction is over, whatever became of it. */
  #endTransaction(): void {
    this.#transaction = null;
    this.#macros.endMessage();
    if (this.#draining) this.#close();
  }

  /** What came is not the protocol: there is no telling what would follow. */
  #break(letter: string | null, detail: string): void {
    const { peer } = this.#port;
    this.#settings.onEvent({ kind: "broken", peer, command: letter, offset: this.#reader.offset, detail });
    this.#close();
  }

  #close(): void {
    this.#end();
    this.#port.close();
  }

  #fellSilent(): void {
    if (this.#terms === null) this.#break(null, "no offer came in time");
    else if (!this.#inContent && this.#reader.inPacket) {
      this.#break(null, "a packet that was not completed");
    } else {
      this.#abandon("timeout");
      this.#port.abort();
    }
  }

  #abandon(reason: "disconnected" | "timeout" | "shutdown"): void {
    if (this.#dialogue.ended) return;
    const transaction = this.#transaction;
    if (transaction !== null && (transaction.message !== null || this.#terms?.content.finishing === true)) {
      const { connection } = transaction;
      const queueId = this.#macros.get("i") ?? null;
      this.#settings.onEvent({ kind: "abandoned", connection, queueId, reason });
    }
    this.#end();
  }

  #end(): void {
    this.#abort();
    this.#dialogue.end();
  }
}
