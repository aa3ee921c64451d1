import { type Reply, reply, SmtpServer } from "../../src/smtp/index.ts";

/** One message that the other server got whole, for one recipient. */
export interface Arrival {
  readonly recipient: string;
  readonly octets: Buffer;
  /** Which life of the sender brought it, counted from 0. */
  readonly life: number;
  /** It was told 250. */
  readonly acknowledged: boolean;
}

export type KillMoment = "before 250" | "after 250";

/** The servers that the mail goes to: one that is always there, and one that is not. */
export class CrashSink {
  readonly arrivals: Arrival[] = [];
  /** Kills the sender when the next message has come, before it is acknowledged or just after. */
  killAt: { readonly moment: KillMoment; readonly kill: () => void } | null = null;
  /** Which life of the sender is on. */
  life = 0;
  /** False: it has no room, for a while. */
  takes = true;
  readonly #deferredOnce = new Set<string>();
  readonly #always = this.#newServer();
  #late: SmtpServer | null = null;
  port = 0;
  latePort = 0;

  async start(): Promise<void> {
    this.port = (await this.#always.listen({ host: "127.0.0.1", port: 0 })).port;
    await this.openLate();
  }

  async openLate(): Promise<void> {
    if (this.#late !== null) return;
    this.#late = this.#newServer();
    this.latePort = (await this.#late.listen({ host: "127.0.0.1", port: this.latePort })).port;
  }

  async closeLate(): Promise<void> {
    await this.#late?.close(0);
    this.#late = null;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#always.close(0), this.closeLate()]);
  }

  #newServer(): SmtpServer {
    return new SmtpServer({
      hostname: "mx.dest.test",
      tlsMode: "plain",
      limits: { connectionsPerAddress: 1000 },
      handler: {
        rcpt: (_session, { text }) => this.#judge(text),
        data: (_session, envelope) => {
          const pieces: Uint8Array[] = [];
          // Whoever waits for the 354 is alive now. When the last octet is read here he may be dead, and the next life on.
          const { life } = this;
          return {
            write: (piece) => void pieces.push(Buffer.from(piece)),
            finish: () =>
              this.#take(
                envelope.recipients.map(({ text }) => text),
                Buffer.concat(pieces),
                life,
              ),
            abort: () => {},
          };
        },
      },
    });
  }

  #judge(recipient: string): Reply | null {
    if (!this.takes) return reply(452, "4.3.1", "Full");
    if (recipient.startsWith("nobody-")) return reply(550, "5.1.1", "Nobody of that name");
    if (!recipient.startsWith("later-") || this.#deferredOnce.has(recipient)) return null;
    this.#deferredOnce.add(recipient);
    return reply(451, "4.7.1", "Greylisted");
  }

  #take(recipients: readonly string[], octets: Buffer, life: number): Reply {
    const { killAt } = this;
    const acknowledged = killAt?.moment !== "before 250";
    for (const recipient of recipients) this.arrivals.push({ recipient, octets, life, acknowledged });
    this.killAt = null;
    if (!acknowledged) killAt?.kill();
    else if (killAt !== null) setImmediate(killAt.kill);
    return acknowledged ? reply(250, "2.0.0", "Taken") : reply(451, "4.3.0", "Too late");
  }
}
