import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import {
  type Answer,
  AUTHENTIC_DATA,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type OptAnswer,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { type NameRecords, recordsOf } from "./zone.ts";

/** How a name misbehaves: an error code, or no answer at all. */
export type DnsFailure = "SERVFAIL" | "REFUSED" | "silent";

export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
}

export interface DnsServerOptions {
  /** Names that end in none of these are REFUSED; "." owns all. Default ["."]. */
  readonly zones?: readonly string[];
  /** Complete names (without final dot) and their records. */
  readonly records?: Readonly<Record<string, NameRecords>>;
  /** For records without their own. Default 60. */
  readonly ttlSeconds?: number;
  /** Names under these are answered with the AD bit, as a validating resolver would. Default none. */
  readonly authenticated?: readonly string[];
  readonly onQuestion?: (question: DnsQuestion) => void;
}

const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
type Rcode = keyof typeof RCODES;

const MAX_CNAME_LINKS = 16;
const TCP_IDLE_MS = 10_000;

/**
 * A small DNS server for tests, closed networks and the playground: it answers for the names it was given over
 * UDP and TCP. Names can be changed, removed and made to fail while it runs.
 */
export class DnsServer {
  readonly #records = new Map<string, NameRecords>();
  readonly #failures = new Map<string, DnsFailure>();
  readonly #zones: readonly string[];
  readonly #ttlSeconds: number;
  readonly #onQuestion: (question: DnsQuestion) => void;
  readonly #connections = new Set<Socket>();
  #authenticated: readonly string[];
  #udp: UdpSocket | null = null;
  #tcp: Server | null = null;

  constructor(options: DnsServerOptions = {}) {
    this.#zones = (options.zones ?? ["."]).map(normalize);
    this.#ttlSeconds = options.ttlSeconds ?? 60;
    this.#authenticated = (options.authenticated ?? []).map(normalize);
    this.#onQuestion = options.onQuestion ?? (() => {});
    for (const [name, records] of Object.entries(options.records ?? {})) this.set(name, records);
  }

  /** Replaces all records of a name. */
  set(name: string, records: NameRecords): void {
    this.#records.set(normalize(name), records);
  }

  /** Removes a name. */
  delete(name: string): void {
    this.#records.delete(normalize(name));
  }

  /** Removes all names and failures. */
  clear(): void {
    this.#records.clear();
    this.#failures.clear();
  }

  /** Makes a name fail, or answer again with null. */
  fail(name: string, failure: DnsFailure | null): void {
    if (failure === null) this.#failures.delete(normalize(name));
    else this.#failures.set(normalize(name), failure);
  }

  /** Sets under which names answers carry the AD bit. */
  authenticate(names: readonly string[]): void {
    this.#authenticated = names.map(normalize);
  }

  /** Listens on one port for UDP and TCP; port 0 takes a free one. */
  async listen(port = 0, address = "127.0.0.1"): Promise<{ address: string; port: number }> {
    if (this.#tcp !== null) throw new Error("this DNS server listens already");
    for (let attempt = 0; ; attempt++) {
      const tcp = createServer((socket) => this.#serveTcp(socket));
      await new Promise<void>((resolve, reject) => tcp.once("error", reject).listen(port, address, resolve));
      const bound = (tcp.address() as { port: number }).port;
      const udp = createSocket(isIPv6(address) ? "udp6" : "udp4");
      try {
        await new Promise<void>((resolve, reject) => udp.once("error", reject).bind(bound, address, resolve));
      } catch (error) {
        tcp.close();
        udp.close();
        // The port was free for TCP only: take another, unless it was asked for.
        if (port === 0 && attempt < 20) continue;
        throw error;
      }
      udp.removeAllListeners("error").on("error", () => {});
      udp.on("message", (octets, from) => {
        const response = this.#respond(octets, "udp");
        if (response !== null) udp.send(response, from.port, from.address);
      });
      this.#tcp = tcp;
      this.#udp = udp;
      return { address, port: bound };
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    const tcp = this.#tcp;
    const udp = this.#udp;
    this.#tcp = null;
    this.#udp = null;
    await Promise.all([
      new Promise<void>((resolve) => (tcp === null ? resolve() : tcp.close(() => resolve()))),
      new Promise<void>((resolve) => (udp === null ? resolve() : udp.close(() => resolve()))),
    ]);
  }

  #serveTcp(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    let received: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const response = this.#respond(received.subarray(2, end), "tcp");
        received = received.subarray(end);
        if (response === null) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        socket.write(Buffer.concat([length, response]));
      }
    });
  }

  /** The response to a packet, or null to stay silent. */
  #respond(octets: Buffer, transport: "udp" | "tcp"): Buffer | null {
    let query: ReturnType<typeof decode>;
    try {
      query = decode(octets);
    } catch {
      return null;
    }
    if (query.flag_qr) return null;
    const [question] = query.questions as Question[];
    const opt = (query.additionals as Answer[]).find((record) => record.type === "OPT") as
      | OptAnswer
      | undefined;
    const answer =
      question === undefined || (query.questions as Question[]).length !== 1
        ? { rcode: "FORMERR" as const, answers: [], authenticated: false }
        : this.#answer({ name: normalize(question.name), type: question.type, transport });
    if (answer === null) return null;
    const flags =
      AUTHORITATIVE_ANSWER |
      RECURSION_AVAILABLE |
      ((query.flags ?? 0) & RECURSION_DESIRED) |
      (answer.authenticated ? AUTHENTIC_DATA : 0) |
      RCODES[answer.rcode];
    const packet = {
      type: "response" as const,
      id: query.id ?? 0,
      questions: query.questions as Question[],
      additionals: opt === undefined ? [] : [responseOpt()],
    };
    const authorities = answer.answers.length === 0 ? [this.#soa()] : [];
    const response = encode({ ...packet, flags, answers: [...answer.answers], authorities });
    const limit = transport === "tcp" ? 0xffff : Math.max(512, opt?.udpPayloadSize ?? 512);
    if (response.length <= limit) return response;
    return encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, answers: [], authorities: [] });
  }

  #answer(
    question: DnsQuestion,
  ): { rcode: Rcode; answers: readonly Answer[]; authenticated: boolean } | null {
    this.#onQuestion(question);
    const answers: Answer[] = [];
    let authenticated = true;
    let name = question.name;
    for (let links = 0; links <= MAX_CNAME_LINKS; links++) {
      const failure = this.#failures.get(name);
      if (failure === "silent") return null;
      if (failure !== undefined) return { rcode: failure, answers: [], authenticated: false };
      if (!this.#zones.some((zone) => isUnder(name, zone))) {
        const rcode = links === 0 ? "REFUSED" : "NOERROR";
        return { rcode, answers, authenticated: false };
      }
      authenticated &&= this.#authenticated.some((zone) => isUnder(name, zone));
      const records = this.#records.get(name);
      if (records === undefined) {
        const rcode = this.#existsBelow(name) ? "NOERROR" : "NXDOMAIN";
        return { rcode, answers, authenticated };
      }
      const found = recordsOf(name, question.type, records, this.#ttlSeconds);
      answers.push(...found);
      if (found.length > 0 || records.CNAME === undefined)
        return { rcode: "NOERROR", answers, authenticated };
      answers.push(...recordsOf(name, "CNAME", records, this.#ttlSeconds));
      name = normalize(records.CNAME);
    }
    return { rcode: "SERVFAIL", answers: [], authenticated: false };
  }

  /** RFC 8020: a name with names below it exists, even without records. */
  #existsBelow(name: string): boolean {
    for (const other of this.#records.keys()) if (isUnder(other, name)) return true;
    return false;
  }

  #soa(): Answer {
    const ttl = this.#ttlSeconds;
    const data = { mname: "ns.invalid", rname: "hostmaster.invalid", serial: 1, refresh: 3600, retry: 600 };
    return { type: "SOA", name: ".", class: "IN", ttl, data: { ...data, expire: 86400, minimum: ttl } };
  }
}

function responseOpt(): Answer {
  const sizes = { udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0 };
  return { type: "OPT", name: ".", ...sizes, flags: 0, flag_do: false, options: [] };
}

function normalize(name: string): string {
  return name === "." ? name : name.replace(/\.$/, "").toLowerCase();
}

function isUnder(name: string, zone: string): boolean {
  return zone === "." || name === zone || name.endsWith(`.${zone}`);
}
