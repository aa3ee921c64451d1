import { answerPacket, continuePacket, localError } from "./answer-packets.ts";
import { Dialogue } from "./dialogue.ts";
import type { MilterAnswer, MilterConnection } from "./handler.ts";
import { HeaderRecord } from "./header-record.ts";
import { MacroTable } from "./macro-table.ts";
import { type Agreement, negotiate } from "./negotiation.ts";
import type { MilterSettings } from "./options.ts";
import { carryOut } from "./outcome.ts";
import { DataReader } from "./packet.ts";
import { PacketReader, type ReadStep } from "./packet-reader.ts";
import { command } from "./protocol.ts";
import { readConnection } from "./read-connection.ts";
import { readPath } from "./read-path.ts";
import type { SessionPort } from "./session-port.ts";
import { Transaction } from "./transaction.ts";

type Packet = Exclude<ReadStep, { kind: "broken" }>;

/** What a mail server's client is while it is told of; HELO may come again. */
type Connection = { -readonly [Key in keyof MilterConnection]: MilterConnection[Key] };

const tooManyRecipients: MilterAnswer = {
  kind: "refuse",
  reply: { code: 452, enhanced: "4.5.3", text: "Too many recipients" },
};
const headerTooLarge: MilterAnswer = {
  kind: "refuse",
  reply: { code: 552, enhanced: "5.3.4", text: "The header of the message is too large" },
};

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
  #agreement: Agreement | null = null;
  #connection: Connection | null = null;
  #transaction: Transaction | null = null;
  /** The message is whole and its outcome awaited. */
  #finishing = false;
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
    if (transaction === null || (transaction.verdict !== null && !transaction.inContent)) this.#close();
  }

  /** Ends at once. */
  drop(): void {
    this.#abandon("shutdown");
    this.#port.abort();
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
    if (this.#agreement === null) return;
    const moving = this.#reader.inPacket || this.#transaction?.inContent === true;
    this.#dialogue.expect(moving ? contentMs : idleMs);
  }

  #take(packet: Packet): void {
    const letter = packet.command;
    if (packet.kind === "packet" || packet.last) this.#macros.enter(letter);
    if (letter === command.quit) this.#close();
    else if (this.#agreement === null) this.#negotiate(packet);
    else if (packet.kind === "body") this.#inTransaction(packet, (at) => this.#takeBody(at, packet));
    else if (letter === command.macros) this.#broken(letter, this.#macros.define(packet.data));
    else if (letter === command.connect) this.#connect(packet.data);
    else if (letter === command.quitForNew) this.#expectNewClient();
    else if (letter === command.negotiate) this.#break(letter, "an offer behind the first one");
    else if (this.#connection === null) this.#break(letter, "a command before CONNECT");
    else this.#takeCommand(this.#connection, letter, packet.data);
  }

  #negotiate(packet: Packet): void {
    if (packet.kind === "body" || packet.command !== command.negotiate) {
      this.#break(packet.command, "a command before the offer");
      return;
    }
    const agreement = negotiate(packet.data, this.#settings.handler.rcpt !== undefined);
    if (typeof agreement === "string") this.#break(packet.command, agreement);
    else {
      this.#agreement = agreement;
      this.#port.send(agreement.reply);
    }
  }

  #connect(data: Buffer): void {
    const agreement = this.#agreement as Agreement;
    if (this.#connection !== null) {
      this.#break(command.connect, "a second client, without QUIT between");
      return;
    }
    const client = readConnection(data);
    if (typeof client === "string") {
      this.#break(command.connect, client);
      return;
    }
    const { version, allows } = agreement;
    this.#connection = { id: this.#settings.newConnectionId(), ...client, helo: null, version, allows };
    this.#answer(command.connect);
  }

  #expectNewClient(): void {
    this.#transaction?.abort();
    this.#transaction = null;
    this.#connection = null;
    this.#macros.clear();
    if (this.#draining) this.#close();
  }

  #takeCommand(connection: Connection, letter: string, data: Buffer): void {
    switch (letter) {
      case command.helo:
        this.#transaction?.abort();
        this.#transaction = null;
        connection.helo = data.toString("utf8", 0, data.at(-1) === 0 ? data.length - 1 : data.length);
        this.#answer(letter);
        return;
      case command.mail:
        this.#mail(connection, data);
        return;
      case command.abort:
        this.#transaction?.abort();
        this.#endTransaction();
        return;
      case command.unknown:
        this.#answer(letter);
        return;
      case command.rcpt:
        this.#inTransaction({ command: letter }, (transaction) => this.#rcpt(transaction, data));
        return;
      case command.data:
        this.#inTransaction({ command: letter }, (transaction) => this.#data(transaction));
        return;
      case command.header:
        this.#inTransaction({ command: letter }, (transaction) =>
          this.#begin(transaction, () => this.#takeField(transaction, data)),
        );
        return;
      case command.endOfHeader:
        this.#inTransaction({ command: letter }, (transaction) =>
          this.#begin(transaction, () => this.#endHeader(transaction, () => this.#answer(letter))),
        );
    }
  }

  #inTransaction(packet: { readonly command: string }, act: (transaction: Transaction) => void): void {
    if (this.#transaction === null) this.#break(packet.command, "a command that belongs behind MAIL");
    else act(this.#transaction);
  }

  #mail(connection: Connection, data: Buffer): void {
    const sender = readPath(data);
    if (sender === null) {
      this.#break(command.mail, "an address that does not end");
      return;
    }
    this.#transaction?.abort();
    this.#transaction = new Transaction(connection, sender, this.#macros);
    if (this.#draining) this.#close();
    else this.#answer(command.mail);
  }

  #rcpt(transaction: Transaction, data: Buffer): void {
    const recipient = readPath(data);
    if (recipient === null) {
      this.#break(command.rcpt, "an address that does not end");
      return;
    }
    transaction.reopen();
    if (transaction.message !== null) {
      this.#break(command.rcpt, "a recipient within the content");
      return;
    }
    if (transaction.verdict !== null) this.#answer(command.rcpt);
    else if (transaction.recipients.length >= this.#settings.limits.recipients) this.#leaveOut(transaction);
    else {
      const act = (answer: MilterAnswer) => {
        if (answer.kind === "continue") transaction.recipients.push(recipient);
        else if (answer.kind !== "refuse") transaction.verdict = answer;
        this.#answer(command.rcpt, answer);
      };
      const { handler } = this.#settings;
      const question = () => handler.rcpt?.(transaction, recipient) ?? { kind: "continue" as const };
      this.#dialogue.ask("rcpt", question, act, () => act(localError));
    }
  }

  #leaveOut(transaction: Transaction): void {
    if (!transaction.isFull) this.#refused(transaction, "too-many-recipients");
    transaction.isFull = true;
    this.#answer(command.rcpt, tooManyRecipients);
  }

  #data(transaction: Transaction): void {
    transaction.reopen();
    if (transaction.message !== null) this.#break(command.data, "DATA within the content");
    else this.#begin(transaction, () => this.#answer(command.data));
  }

  /** The content begins, with DATA or with itself: who takes it? */
  #begin(transaction: Transaction, then: () => void): void {
    if (transaction.header !== null || transaction.verdict !== null) {
      then();
      return;
    }
    const agreement = this.#agreement as Agreement;
    transaction.header = new HeaderRecord(agreement.leadingSpace);
    // Where recipients are not answered one by one, this is the first that the mail server hears of it.
    if (transaction.isFull && !agreement.answered.has(command.rcpt)) {
      transaction.verdict = tooManyRecipients;
      then();
      return;
    }
    this.#dialogue.ask(
      "begin",
      () => this.#settings.handler.begin(transaction),
      (taker) => {
        if ("finish" in taker) transaction.message = taker;
        else transaction.verdict = taker.kind === "continue" ? { kind: "accept" } : taker;
        then();
      },
      () => {
        transaction.verdict = localError;
        then();
      },
      (taker) => {
        if ("finish" in taker) taker.abort();
      },
    );
  }

  #takeField(transaction: Transaction, data: Buffer): void {
    const reader = new DataReader(data);
    const [name, value] = [reader.ended(), reader.ended()];
    if (name === null || name.length === 0 || value === null) {
      this.#break(command.header, "a header field without name or value");
    } else if (transaction.inBody) this.#break(command.header, "a header field behind the header");
    else {
      const header = transaction.header;
      if (transaction.message !== null && header !== null) {
        if (header.length + data.length <= this.#settings.limits.headerOctets) header.add(name, value);
        else {
          this.#refused(transaction, "header-too-large");
          transaction.decide(headerTooLarge);
        }
      }
      this.#answer(command.header);
    }
  }

  /** Writes the header, once it is over. */
  #endHeader(transaction: Transaction, then: () => void): void {
    const { header, inBody } = transaction;
    transaction.inBody = true;
    if (inBody || header === null || transaction.message === null) then();
    else this.#write(transaction, header.end(), then);
  }

  #takeBody(transaction: Transaction, packet: Extract<ReadStep, { kind: "body" }>): void {
    const { octets, last } = packet;
    this.#begin(transaction, () =>
      this.#endHeader(transaction, () =>
        this.#write(transaction, octets, () => {
          if (!last) return;
          if (packet.command === command.body) this.#answer(command.body);
          else this.#finish(transaction);
        }),
      ),
    );
  }

  #write(transaction: Transaction, octets: Buffer, then: () => void): void {
    const { message } = transaction;
    if (message === null || octets.length === 0) {
      then();
      return;
    }
    const failed = () => {
      transaction.decide(localError);
      then();
    };
    this.#dialogue.ask("write", () => message.write(octets), then, failed);
  }

  #finish(transaction: Transaction): void {
    const { message, header } = transaction;
    const end = (answer: MilterAnswer) => {
      this.#finishing = false;
      this.#answer(command.endOfMessage, answer);
      this.#endTransaction();
    };
    if (message === null || header === null) {
      end(transaction.verdict ?? { kind: "continue" });
      return;
    }
    // Nobody is told of an end now: finish has been asked.
    transaction.message = null;
    this.#finishing = true;
    this.#dialogue.askForOutcome(
      () => message.finish(),
      (outcome, still) => carryOut(outcome, header, this.#agreement as Agreement, this.#dialogue, still),
      end,
      () => end(localError),
    );
  }

  /** The transaction is over, whatever became of it. */
  #endTransaction(): void {
    this.#transaction = null;
    this.#macros.endMessage();
    if (this.#draining) this.#close();
  }

  /** Says the answer where the mail server waits for one; behind a verdict that. */
  #answer(letter: string, answer?: MilterAnswer): void {
    if (this.#agreement?.answered.has(letter) !== true) return;
    const said = answer ?? this.#transaction?.verdict ?? null;
    if (said === null) {
      this.#port.send(continuePacket);
      return;
    }
    try {
      this.#port.send(answerPacket(said));
    } catch (cause) {
      this.#dialogue.failed("answer", cause);
      this.#port.send(answerPacket(localError));
    }
  }

  #refused(transaction: Transaction, reason: "header-too-large" | "too-many-recipients"): void {
    this.#settings.onEvent({ kind: "message-refused", connection: transaction.connection, reason });
  }

  #broken(letter: string, detail: string | null): void {
    if (detail !== null) this.#break(letter, detail);
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
    if (this.#agreement === null) this.#break(null, "no offer came in time");
    else if (this.#transaction?.inContent !== true && this.#reader.inPacket) {
      this.#break(null, "a packet that was not completed");
    } else {
      this.#abandon("timeout");
      this.#port.abort();
    }
  }

  #abandon(reason: "disconnected" | "timeout" | "shutdown"): void {
    if (this.#dialogue.ended) return;
    const transaction = this.#transaction;
    if (transaction !== null && (transaction.message !== null || this.#finishing)) {
      const { connection } = transaction;
      const queueId = this.#macros.get("i") ?? null;
      this.#settings.onEvent({ kind: "abandoned", connection, queueId, reason });
    }
    this.#end();
  }

  #end(): void {
    this.#transaction?.abort();
    this.#transaction = null;
    this.#dialogue.end();
  }
}
