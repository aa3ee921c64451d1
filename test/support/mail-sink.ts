import { setTimeout as sleep } from "node:timers/promises";
import {
  BufferedSink,
  OctetBudget,
  reply,
  SmtpServer,
  type SmtpServerOptions,
} from "../../src/smtp/index.ts";

/** The last hop: an SMTP server that keeps each message by its recipient. */
export class MailSink {
  readonly #messages = new Map<string, Buffer>();
  readonly #budget = new OctetBudget(1 << 30);
  readonly #server: SmtpServer;
  port = 0;

  constructor(options: Pick<SmtpServerOptions<unknown>, "withheld"> = {}) {
    this.#server = new SmtpServer({
      ...options,
      hostname: "mx.dest.test",
      tlsMode: "plain",
      handler: {
        data: (_session, envelope) =>
          new BufferedSink({
            budget: this.#budget,
            accept: (pieces) => {
              for (const { text } of envelope.recipients) this.#messages.set(text, Buffer.concat(pieces));
              return reply(250, "2.0.0", "Ok");
            },
          }),
      },
    });
  }

  async listen(): Promise<void> {
    this.port = (await this.#server.listen({ host: "127.0.0.1", port: 0 })).port;
  }

  /** The messages that have come for these recipients, as soon as all have or nothing comes any more. */
  async take(recipients: readonly string[], patienceMs = 15_000): Promise<Map<string, Buffer>> {
    const arrived = (): number => recipients.filter((recipient) => this.#messages.has(recipient)).length;
    let seen = arrived();
    let deadline = Date.now() + patienceMs;
    while (seen < recipients.length && Date.now() < deadline) {
      await sleep(50);
      if (arrived() > seen) deadline = Date.now() + patienceMs;
      seen = arrived();
    }
    const taken = new Map<string, Buffer>();
    for (const recipient of recipients) {
      const message = this.#messages.get(recipient);
      if (message) taken.set(recipient, message);
      this.#messages.delete(recipient);
    }
    return taken;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
