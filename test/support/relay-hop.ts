import { connect, type Socket } from "node:net";
import {
  type OutgoingMessage,
  openSmtp,
  type RecipientOutcome,
  type SmtpClient,
} from "../../src/smtp/index.ts";
import { MailSink } from "./mail-sink.ts";
import { startPostfix } from "./peers/postfix.ts";
import type { Relay } from "./peers/relay.ts";

/** What came of a message behind the relay: its octets as the next hop got them, or the relay's refusal. */
export type Relayed =
  | { readonly kind: "arrived"; readonly octets: Buffer }
  | { readonly kind: "refused"; readonly outcome: RecipientOutcome }
  | { readonly kind: "lost" };

/** One hop more: messages go into a Postfix over SMTP, and come out of it to the next hop over SMTP. */
export class RelayHop {
  readonly #sink: MailSink;
  readonly #postfix: Relay;

  private constructor(sink: MailSink, postfix: Relay) {
    this.#sink = sink;
    this.#postfix = postfix;
  }

  static async start(domain: string): Promise<RelayHop> {
    const sink = new MailSink();
    await sink.listen();
    return new RelayHop(sink, await startPostfix({ nextHops: { [domain]: sink.port } }));
  }

  /**
   * @param messages each with one recipient, all different
   * @param localAddress whose mail it is for Postfix; see {@link startPostfix}
   */
  async relay(messages: readonly OutgoingMessage[], localAddress: string): Promise<Relayed[]> {
    const client = await this.#open(localAddress);
    const outcomes: RecipientOutcome[] = [];
    for (const message of messages) outcomes.push(...(await client.send(message)));
    await client.quit();
    const accepted = outcomes.filter(({ status }) => status === "delivered");
    const arrived = await this.#sink.take(accepted.map(({ recipient }) => recipient));
    return outcomes.map((outcome) => {
      if (outcome.status !== "delivered") return { kind: "refused", outcome };
      const octets = arrived.get(outcome.recipient);
      return octets ? { kind: "arrived", octets } : { kind: "lost" };
    });
  }

  /** What Postfix wrote about its work. */
  log(): string {
    return this.#postfix.log();
  }

  async stop(): Promise<void> {
    await this.#postfix.stop();
    await this.#sink.close();
  }

  async #open(localAddress: string): Promise<SmtpClient> {
    const target = { host: "relay.test", address: "127.0.0.1", port: this.#postfix.plainPort };
    const dialer = {
      connect: () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ host: target.address, port: target.port, localAddress });
          socket.once("error", reject);
          socket.once("connect", () => resolve(socket.removeListener("error", reject)));
        }),
    };
    const opened = await openSmtp(dialer, target, { hostname: "mail.someisp.test", tls: { mode: "never" } });
    if (!opened.ok) throw new Error(`the relay refuses the connection: ${opened.failure.text}`);
    return opened.client;
  }
}
