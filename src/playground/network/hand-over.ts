import { MappingDialer } from "../../dialer/index.ts";
import { openSmtp, type SmtpClientOptions } from "../../smtp/index.ts";

/** What the server said in the end. */
export interface Answer {
  /** Null when the connection failed before there was a reply. */
  readonly code: number | null;
  readonly enhanced: string;
  readonly text: string;
  /** The dialogue as the client saw it. */
  readonly wire: readonly string[];
}

export interface HandOver {
  /** Who the client says it is. */
  readonly helo: string;
  /** The server, on 127.0.0.1. */
  readonly to: { readonly hostname: string; readonly port: number };
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** Default: TLS where it is offered, any certificate. */
  readonly tls?: SmtpClientOptions["tls"];
  readonly credentials?: SmtpClientOptions["credentials"];
}

const DIALER = new MappingDialer();

/** Sends one message over a connection of its own; where there are several recipients the first one's reply counts. */
export async function handOver(message: Uint8Array, options: HandOver): Promise<Answer> {
  const { helo, to, reversePath, recipients, tls, credentials } = options;
  const wire: string[] = [];
  const opened = await openSmtp(
    DIALER,
    { host: to.hostname, address: "127.0.0.1", port: to.port },
    {
      hostname: helo,
      tls: tls ?? { mode: "opportunistic" },
      transcript: (line) => wire.push(line),
      ...(credentials === undefined ? {} : { credentials }),
    },
  );
  if (!opened.ok) {
    const { code, enhanced, text } = opened.failure;
    // The client takes a refused login for temporary, whatever the server says; here its own words count.
    return { code, enhanced: code === null ? enhanced : `${code}`.charAt(0) + enhanced.slice(1), text, wire };
  }
  const [outcome] = await opened.client.send({
    reversePath,
    recipients: recipients.map((address) => ({ address })),
    content: message,
  });
  await opened.client.quit();
  if (outcome === undefined) throw new Error("a message needs a recipient");
  const { code, enhanced, text } = outcome;
  return { code, enhanced, text, wire };
}
