import type { DnsAnswer, Resolver } from "../dns/index.ts";

/** How mailauth asks: answers in the shapes of Node's `dns.resolve`, errors with its codes. */
export type Resolve = (name: string, type: string) => Promise<string[][] | string[]>;

/**
 * What SPF with all its MX and PTR terms may need, and ten signatures; whoever wants more makes others' DNS work for him.
 */
const MAX_QUESTIONS = 100;
/** RFC 7208 §3.4 wants 512; what is longer than this is no record of the methods that ask here. */
const MAX_TEXT_OCTETS = 8192;
const MAX_RECORDS = 100;

/** The DNS as one message may ask it: each question once, so many in all, and none after its time. */
export class MessageDns {
  readonly #resolver: Resolver;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<string, Promise<string[][] | string[]>>();

  constructor(resolver: Resolver, signal: AbortSignal) {
    this.#resolver = resolver;
    this.#signal = signal;
  }

  readonly resolve: Resolve = async (name, type) => {
    const key = `${type} ${name}`;
    const before = this.#asked.get(key);
    if (before !== undefined) return before;
    if (this.#asked.size >= MAX_QUESTIONS) throw dnsError("EREFUSED", "too many questions for one message");
    const answer = this.#ask(name, type);
    // Who asked may have gone on without waiting.
    answer.catch(() => {});
    this.#asked.set(key, answer);
    return answer;
  };

  async #ask(name: string, type: string): Promise<string[][] | string[]> {
    const resolver = this.#resolver;
    const signal = this.#signal;
    switch (type) {
      case "TXT": {
        const texts = this.#read(await resolver.txt(name, signal));
        const short = texts.filter((text) => text.length <= MAX_TEXT_OCTETS);
        if (short.length === 0) throw dnsError("ENODATA", "the texts are too long");
        return short.map((text) => [text]);
      }
      case "A":
        return this.#read(await resolver.a(name, signal));
      case "AAAA":
        return this.#read(await resolver.aaaa(name, signal));
      case "PTR":
        return this.#read(await resolver.ptr(name, signal));
      case "MX":
        return this.#read(await resolver.mx(name, signal)).map(({ preference, exchange }) => ({
          priority: preference,
          exchange,
        })) as unknown as string[]; // as dns.resolveMx gives them, which mailauth's type does not say
      default:
        throw dnsError("ENODATA", `${type} is not asked for`);
    }
  }

  #read<T>(answer: DnsAnswer<T>): T[] {
    switch (answer.kind) {
      case "records":
        return answer.records.slice(0, MAX_RECORDS);
      case "nxdomain":
        throw dnsError("ENOTFOUND", "no such name");
      case "nodata":
        throw dnsError("ENODATA", "no such records");
      case "failure":
        throw dnsError(this.#signal.aborted ? "ETIMEOUT" : "ESERVFAIL", answer.detail);
    }
  }
}

/** Whether the DNS said that there is nothing, as opposed to saying nothing. */
export function isAbsence(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ENOTFOUND" || code === "ENODATA";
}

/** Without a stack, which takes longer than all the rest of an answer: that a name is not there is nothing unusual. */
function dnsError(code: string, message: string): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(message), { code });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
