import { setTimeout as sleep } from "node:timers/promises";
import { MappingDialer } from "../../../src/dialer/index.ts";
import { openSmtp, type SmtpClient } from "../../../src/smtp/index.ts";
import { MailSink } from "../mail-sink.ts";
import type { Relay } from "../peers/relay.ts";
import type { RelayPeer } from "../peers/relay-peers.ts";
import type { Chain } from "./chains.ts";
import { Gate } from "./gate.ts";

/** A message for a way. */
export interface Sent {
  /** Of its recipient, in the way's domain; of no other message. */
  readonly localPart: string;
  readonly octets: Buffer;
  readonly eightBit: boolean;
  readonly smtputf8: boolean;
}

/** What came of a message. */
export type Transit =
  | { readonly kind: "arrived"; readonly octets: Buffer }
  /** Its author hears why: of the first server at once, or in a message of any. */
  | { readonly kind: "returned"; readonly why: string }
  | { readonly kind: "lost" };

const senderDomain = "someisp.test";
/** Servers bound the messages of a connection. */
const perConnection = 50;
const patienceMs = 20_000;

/** Each mail server on a host of its own, and two receiving hosts, with and without 8BITMIME. */
export class TransitNetwork {
  readonly #chains: readonly Chain[];
  readonly #gates = new Map<RelayPeer, Gate>();
  readonly #relays = new Map<RelayPeer, Relay>();
  readonly #end = new MailSink();
  readonly #sevenBitEnd = new MailSink({ withheld: ["8BITMIME", "SMTPUTF8"] });

  private constructor(chains: readonly Chain[]) {
    this.#chains = chains;
  }

  static async start(chains: readonly Chain[]): Promise<TransitNetwork> {
    const network = new TransitNetwork(chains);
    try {
      await network.#start();
      return network;
    } catch (error) {
      await network.stop();
      throw error;
    }
  }

  /** The domain of a chain's recipients, or of the way through its first hops only. */
  domain(chain: Chain, hops = chain.hops.length): string {
    return `hop${hops}.chain${this.#chains.indexOf(chain)}.test`;
  }

  /**
   * Sends messages through a chain, or its first hops only, and tells what came of each. What a server is too busy for
   * waits there for minutes; it is sent once more instead.
   */
  async send(chain: Chain, messages: readonly Sent[], hops = chain.hops.length): Promise<Transit[]> {
    const transits = await this.#sendOnce(chain, messages, hops);
    const lost = messages.filter((_, index) => transits[index]?.kind === "lost");
    const again = lost.length > 0 ? await this.#sendOnce(chain, lost, hops) : [];
    return transits.map((transit) => (transit.kind === "lost" ? (again.shift() ?? transit) : transit));
  }

  async #sendOnce(chain: Chain, messages: readonly Sent[], hops: number): Promise<Transit[]> {
    const domain = this.domain(chain, hops);
    const refused = new Map<string, string>();
    for (let at = 0; at < messages.length; at += perConnection) {
      const client = await this.#connect(chain);
      for (const message of messages.slice(at, at + perConnection)) {
        const [outcome] = await client.send({
          reversePath: returnPath(message.localPart, domain),
          recipients: [{ address: `${message.localPart}@${domain}` }],
          content: message.octets,
          octets: message.octets.length,
          eightBit: message.eightBit,
          smtputf8: message.smtputf8,
        });
        if (outcome?.status === "refused")
          refused.set(message.localPart, `${outcome.code ?? ""} ${outcome.text}`.trim());
      }
      await client.quit();
    }
    return this.#collect(chain, hops, messages, refused);
  }

  /** What the servers wrote about their work. */
  log(): string {
    return [...this.#relays].map(([{ name }, relay]) => `${name}:\n${relay.log()}`).join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop()));
    await Promise.all([...this.#gates.values()].map((gate) => gate.close()));
    await Promise.all([this.#end.close(), this.#sevenBitEnd.close()]);
  }

  async #start(): Promise<void> {
    await Promise.all([this.#end.listen(), this.#sevenBitEnd.listen()]);
    const peers = [...new Set(this.#chains.flatMap(({ hops }) => hops))];
    for (const peer of peers) this.#gates.set(peer, await Gate.open());
    const starting = peers.map(async (peer) => {
      const relay = await peer.start({
        hostname: `${peer.name.toLowerCase()}.test`,
        nextHops: this.#nextHopsOf(peer),
      });
      this.#relays.set(peer, relay);
      this.#gates.get(peer)?.leadsTo(relay.plainPort);
    });
    await Promise.allSettled(starting);
    await Promise.all(starting);
  }

  #nextHopsOf(peer: RelayPeer): Record<string, number> {
    const nextHops: Record<string, number> = { [senderDomain]: this.#end.port };
    for (const chain of this.#chains) {
      const place = chain.hops.indexOf(peer);
      if (place < 0) continue;
      for (let hops = place + 1; hops <= chain.hops.length; hops++) {
        const next = place + 1 < hops ? chain.hops[place + 1] : undefined;
        const port = next ? this.#gates.get(next)?.port : this.#endOf(chain, hops).port;
        nextHops[this.domain(chain, hops)] = port as number;
      }
    }
    return nextHops;
  }

  /** What a chain's receiving host lacks, that of its first hops lacks only when they are all. */
  #endOf(chain: Chain, hops: number): MailSink {
    return chain.eightBitEnd || hops < chain.hops.length ? this.#end : this.#sevenBitEnd;
  }

  async #connect(chain: Chain): Promise<SmtpClient> {
    const port = this.#gates.get(chain.hops[0] as RelayPeer)?.port as number;
    const target = { host: "first.test", address: "127.0.0.1", port };
    const opened = await openSmtp(new MappingDialer(), target, {
      hostname: "mail.someisp.test",
      tls: { mode: "never" },
    });
    if (!opened.ok) throw new Error(`${chain.hops[0]?.name} refuses the connection: ${opened.failure.text}`);
    return opened.client;
  }

  /** Waits until of each message something has come, or nothing comes any more. */
  async #collect(
    chain: Chain,
    hops: number,
    messages: readonly Sent[],
    refused: ReadonlyMap<string, string>,
  ): Promise<Transit[]> {
    const domain = this.domain(chain, hops);
    const found = new Map<string, Transit>();
    for (const [localPart, why] of refused) found.set(localPart, { kind: "returned", why });
    let deadline = Date.now() + patienceMs;
    while (found.size < messages.length && Date.now() < deadline) {
      const before = found.size;
      const pending = messages.filter(({ localPart }) => !found.has(localPart));
      const paths = pending.map(({ localPart }) => [`${localPart}@${domain}`, returnPath(localPart, domain)]);
      const arrived = await this.#endOf(chain, hops).take(
        paths.map(([to]) => to as string),
        0,
      );
      const returned = await this.#end.take(
        paths.map(([, back]) => back as string),
        0,
      );
      for (const [index, [to = "", back = ""]] of paths.entries()) {
        const { localPart } = pending[index] as Sent;
        const octets = arrived.get(to);
        const report = returned.get(back);
        if (octets) found.set(localPart, { kind: "arrived", octets });
        else if (report) found.set(localPart, { kind: "returned", why: reasonInReport(report) });
      }
      if (found.size > before) deadline = Date.now() + patienceMs;
      else await sleep(50);
    }
    return messages.map(({ localPart }) => found.get(localPart) ?? { kind: "lost" });
  }
}

/** A return path that tells which message a report is about. */
function returnPath(localPart: string, domain: string): string {
  return `${localPart.replace(/[^\w-]/g, "")}.${domain.replace(".test", "")}@${senderDomain}`;
}

/** What a report says for programs, else the first line that looks like a server's refusal. */
function reasonInReport(report: Buffer): string {
  const text = report.toString("latin1").replace(/\r\n[ \t]+/g, " ");
  const diagnostic = /^Diagnostic-Code: *(?:smtp;)? *(.*)\r$/im.exec(text)?.[1];
  const line = /^.*\b5\d\d[ -].*$/m.exec(text)?.[0];
  return (diagnostic ?? line ?? "the report gives no reason").trim();
}
