import { BufferedSink, OctetBudget, type Reply, reply, SmtpServer } from "../smtp/index.ts";

/** One transaction that brought a message. */
export interface Transaction {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly smtputf8: boolean;
  readonly message: Buffer;
}

/** A server that programs hand their mail to: it keeps every transaction apart, and refuses whom it is told to. */
export class RecordingRelay {
  readonly taken: Transaction[] = [];
  readonly refused = new Set<string>();
  readonly #server: SmtpServer;
  port = 0;

  constructor(refuseContent: (recipients: readonly string[]) => Reply | null = () => null) {
    const budget = new OctetBudget(1 << 30);
    this.#server = new SmtpServer({
      hostname: "relay.test",
      tlsMode: "plain",
      limits: { messageOctets: 256 << 20 },
      handler: {
        rcpt: (_session, { text }) => (this.refused.has(text) ? reply(550, "5.1.1", "Nobody here") : null),
        data: (_session, { reversePath, recipients, smtputf8 }) =>
          new BufferedSink({
            budget,
            accept: (pieces) => {
              const paths = recipients.map(({ text }) => text);
              const refusal = refuseContent(paths);
              if (refusal !== null) return refusal;
              const message = Buffer.concat(pieces);
              this.taken.push({ from: reversePath?.text ?? "", recipients: paths, smtputf8, message });
              return reply(250, "2.0.0", "Ok");
            },
          }),
      },
    });
  }

  async listen(): Promise<void> {
    this.port = (await this.#server.listen({ host: "127.0.0.1", port: 0 })).port;
  }

  /** The message that came for this recipient. */
  for(recipient: string): Transaction {
    const found = this.taken.find(({ recipients }) => recipients.includes(recipient));
    if (found === undefined) throw new Error(`nothing has come for ${recipient}`);
    return found;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
