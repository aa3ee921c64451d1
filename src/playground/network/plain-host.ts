import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { storeInMaildir } from "../../delivery/index.ts";
import { BufferedSink, formatReceivedField, OctetBudget, reply, SmtpServer } from "../../smtp/index.ts";

/** A mail host of the old kind: stores what it gets, without TLS, and ignores everything of VSMTP (NBR-6). */
export class PlainHost {
  readonly hostname: string;
  readonly #server: SmtpServer;

  /** @param folder where the Maildirs of its users are */
  constructor(hostname: string, domain: string, folder: string) {
    this.hostname = hostname;
    const budget = new OctetBudget(64 << 20);
    this.#server = new SmtpServer({
      hostname,
      tlsMode: "plain",
      withheld: ["DSN"], // nobody here would write the reports
      handler: {
        rcpt: (_session, recipient) =>
          /^[a-z0-9]+$/.test(recipient.localPart) && recipient.domain.toLowerCase() === domain
            ? null
            : reply(550, "5.1.1", `<${recipient.text}> is unknown here`),
        data: (session, envelope) =>
          new BufferedSink({
            budget,
            accept: async (pieces) => {
              const received = formatReceivedField(session, envelope, { hostname, date: new Date() });
              const returnPath = `Return-Path: <${envelope.reversePath?.text ?? ""}>\r\n`;
              for (const { localPart } of envelope.recipients) {
                const maildir = join(folder, localPart);
                await mkdir(maildir, { recursive: true });
                await storeInMaildir(maildir, {
                  name: `${Date.now()}.${randomUUID()}.${hostname}`,
                  pieces: () => [Buffer.from(returnPath), Buffer.from(received), ...pieces],
                  suspicious: false,
                  repeated: false,
                });
              }
              return reply(250, "2.0.0", "Ok: stored");
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
