import { BufferedSink, OctetBudget, type Reply, reply, SmtpServer } from "../../smtp/index.ts";
import { handOver } from "./hand-over.ts";

/** A relay on the way to a domain, in the hands of somebody who changes what passes through. */
export class AlteringRelay {
  readonly #server: SmtpServer;

  /** @param nextPort where the domain's own mail host is: what it answers is passed back */
  constructor(
    hostname: string,
    alter: (text: string) => string,
    next: { readonly hostname: string; readonly port: number },
  ) {
    const budget = new OctetBudget(64 << 20);
    this.#server = new SmtpServer({
      hostname,
      tlsMode: "plain",
      withheld: ["DSN"], // nobody here would write the reports
      handler: {
        data: (_session, envelope) =>
          new BufferedSink({
            budget,
            accept: async (pieces): Promise<Reply> => {
              const message = Buffer.from(alter(Buffer.concat(pieces).toString("latin1")), "latin1");
              const { code, enhanced, text } = await handOver(message, {
                helo: hostname,
                to: next,
                reversePath: envelope.reversePath?.text ?? "",
                recipients: envelope.recipients.map((recipient) => recipient.text),
              });
              return reply(code ?? 451, enhanced, text);
            },
          }),
      },
    });
  }

  async listen(): Promise<number> {
    return (await this.#server.listen({ host: "127.0.0.1", port: 0 })).port;
  }

  stop(): Promise<void> {
    return this.#server.close();
  }
}
