import { createPublicKey, type KeyObject } from "node:crypto";
import { LRUCache } from "lru-cache";
import { getPublicKey, type KeyCache, type KeyOptions, type PublicKey } from "./mailauth.ts";
import { isAbsence, type Resolve } from "./message-dns.ts";

/** RFC 8301 §3.2: the least that may count. */
const MIN_RSA_BITS = 1024;
/** Larger moduli and exponents make a verification take milliseconds, and nobody needs them. */
const MAX_RSA_BITS = 4096;
const MAX_RSA_EXPONENT = 0xffff_ffffn;
const MAX_RECORD_OCTETS = 4096;

/** Public keys by the text of their record: reading one takes longer than verifying with it. */
export class PublicKeys {
  readonly #read = new LRUCache<string, PublicKey>({ max: 1000 });

  /** The keys for one message. */
  for(resolve: Resolve): MessageKeys {
    return new MessageKeys(resolve, (name, text, options) => this.#keyIn(name, text, options));
  }

  async #keyIn(name: string, text: string, options: KeyOptions): Promise<PublicKey> {
    const key = `${options.hashAlgo} ${text}`;
    const before = this.#read.get(key);
    if (before !== undefined) return before;
    if (text.length > MAX_RECORD_OCTETS) throw invalidKey(`a record of ${text.length} octets`);
    // A domain's slips in its record are none of its mail's fault: it is read as most receivers read it.
    const found = await getPublicKey("DKIM", name, MIN_RSA_BITS, async () => [[text]], {
      ...options,
      strict: false,
    });
    const publicKey = createPublicKey(found.publicKey as string);
    checkEffort(publicKey);
    const ready = { ...found, publicKey };
    this.#read.set(key, ready);
    return ready;
  }
}

export class MessageKeys implements KeyCache {
  readonly resolver: Resolve;
  readonly #keyIn: (name: string, text: string, options: KeyOptions) => Promise<PublicKey>;
  readonly #unavailable = new Set<string>();

  constructor(
    resolver: Resolve,
    keyIn: (name: string, text: string, options: KeyOptions) => Promise<PublicKey>,
  ) {
    this.resolver = resolver;
    this.#keyIn = keyIn;
  }

  /** A key of the ARC chain could not be asked for: its failure may be over tomorrow. */
  get arcUnavailable(): boolean {
    return this.#unavailable.has("ARC") || this.#unavailable.has("AS");
  }

  /** @param type `DKIM`, `ARC` for an ARC-Message-Signature, `AS` for an ARC-Seal */
  get(type: string, name: string, _minBitLength: unknown, options: KeyOptions): Promise<PublicKey> {
    const key = this.#lookUp(type, name, options);
    // ARC asks for all keys before it waits for any.
    key.catch(() => {});
    return key;
  }

  async #lookUp(type: string, name: string, options: KeyOptions): Promise<PublicKey> {
    let texts: string[][] | string[];
    try {
      texts = await this.resolver(name, "TXT");
    } catch (error) {
      if (!isAbsence(error)) this.#unavailable.add(type);
      throw error;
    }
    // RFC 6376 §3.6.2.2: several records give an undefined result; others take the first, too.
    return this.#keyIn(name, [texts[0] ?? []].flat().join(""), options);
  }
}

function checkEffort(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength > MAX_RSA_BITS || publicExponent > MAX_RSA_EXPONENT)
    throw invalidKey("an RSA key that takes too long to verify with");
}

function invalidKey(message: string): Error {
  return Object.assign(new Error(message), { code: "EINVALIDVAL" }); // as mailauth says it
}
