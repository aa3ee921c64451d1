import type { SenderStanding } from "../delivery/index.ts";
import { parseHeader } from "../message/index.ts";
import type { LeasedMessage } from "../queue/index.ts";
import { type KeyQuery, type KeySource, parseSignatureField, SIGNATURE_FIELD } from "../signature/index.ts";
import { keyProblems } from "./keyring-standing.ts";

/** What was signed so lately was signed by a key that was good then: as if its answer were remembered. */
const FRESH_MS = 60_000;

/**
 * Where keys are elsewhere, the key servers of their domains are asked, as by any receiver. What they cannot answer now
 * goes: receivers ask them too.
 */
export class LookedUpStanding implements SenderStanding {
  readonly #keys: KeySource;
  readonly #now: () => number;

  /** @param keys remembers what it is told, for a minute at most @param now Unix milliseconds */
  constructor(keys: KeySource, now: () => number = Date.now) {
    this.#keys = keys;
    this.#now = now;
  }

  async problem(message: LeasedMessage, header: () => Promise<Buffer>): Promise<string | null> {
    const now = this.#now();
    if (message.kids.length === 0 || now < message.enqueuedAt + FRESH_MS) return null;
    // A message that cannot be read now cannot be sent now either.
    const octets = await header().catch(() => null);
    if (octets === null) return null;
    for (const query of signatures(octets, message.kids, Math.floor(now / 1000))) {
      const answer = await this.#keys.lookUp(query);
      if (answer.kind !== "fail") continue;
      const { reason } = answer;
      if (reason === "revoked" || reason === "suspended" || reason === "no-key") return keyProblems[reason];
    }
    return null;
  }
}

/** Our own signatures in a header: those by the keys that the queue has noted. */
function signatures(octets: Buffer, kids: readonly string[], now: number): KeyQuery[] {
  const header = parseHeader(octets);
  return header.fields.flatMap((field): KeyQuery[] => {
    const tags = field.name === SIGNATURE_FIELD ? parseSignatureField(header, field)?.tags : null;
    if (!tags || !kids.includes(tags.kid)) return [];
    const { address: identity, kid, algorithm, signedAt } = tags;
    return [{ identity, kid, algorithm, signedAt, now }];
  });
}
