import type {
  Macros,
  MilterAnswer,
  MilterConnection,
  MilterMessage,
  MilterPath,
  MilterTransaction,
} from "./handler.ts";
import type { HeaderRecord } from "./header-record.ts";

export const tooManyRecipients: MilterAnswer = {
  kind: "refuse",
  reply: { code: 452, enhanced: "4.5.3", text: "Too many recipients" },
};

/** From MAIL to the message's end. Handlers see the envelope of it, and the same object all the time. */
export class Transaction implements MilterTransaction {
  readonly connection: MilterConnection;
  readonly sender: MilterPath;
  readonly recipients: MilterPath[] = [];
  readonly macros: Macros;
  /** Of the recipients' packets. */
  recipientOctets = 0;
  /** A recipient was left out for want of room. */
  isFull = false;
  /** What is answered to all that comes, since nobody looks at the message any more. */
  verdict: MilterAnswer | null = null;
  /** Whoever takes the content was looked for; its header as far as it has come. */
  header: HeaderRecord | null = null;
  /** What has come. */
  stage: "envelope" | "header" | "body" = "envelope";
  /** Takes the content; null before, and behind a verdict. */
  message: MilterMessage | null = null;

  constructor(connection: MilterConnection, sender: MilterPath, macros: Macros) {
    this.connection = connection;
    this.sender = sender;
    this.macros = macros;
  }

  /** The message is not looked at any more; whoever takes it forgets it. */
  decide(verdict: MilterAnswer): void {
    this.verdict = verdict;
    this.abort();
  }

  /** A client who was refused at DATA goes on with more recipients, or with another DATA. */
  reopen(): void {
    if (this.verdict?.kind !== "refuse") return;
    this.verdict = null;
    this.header = null;
  }

  /** The message will not be completed. */
  abort(): void {
    this.message?.abort();
    this.message = null;
  }
}
