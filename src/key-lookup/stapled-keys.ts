import { type ReceivedStatement, readStaples, STAPLE_FIELD } from "../key-protocol/index.ts";
import { encodeAddress } from "../message/index.ts";
import type { KeyAnswer, KeyQuery, KeySource, ScannedMessage } from "../signature/index.ts";

/** Who brought a message, and who vouches for it. */
export interface MessageOrigin {
  /** The address of the client: its network is who pays for keys that are not there (CCH-14). */
  readonly clientAddress?: string;
  /**
   * The From domain that passes aligned DKIM or SPF; null where none does. Asked only where the budget for the identity's
   * domain is used up, and it helps only where it is the same domain (CCH-7).
   */
  readonly vouched?: () => Promise<string | null>;
}

/** A question about a key, with what the message itself says about it: a statement that nothing proves yet. */
export interface StapledQuery extends KeyQuery, MessageOrigin {
  readonly staple?: ReceivedStatement;
}

/** Where keys come from. One that knows no staples looks every key up, which is always right. */
export interface StapleKeySource {
  lookUp(query: StapledQuery): Promise<KeyAnswer>;
}

/**
 * The keys of one message: hands its stapled statements (STP-1) to a source that can check them against the policy
 * record of the identity's domain (STP-2). Of several about one key the topmost counts (STP-4). They are read when
 * the first key is wanted, so that a message that fails the cheap checks costs nothing more.
 */
export class StapledKeys implements KeySource {
  readonly #message: ScannedMessage;
  readonly #keys: StapleKeySource;
  readonly #origin: MessageOrigin;
  #statements: readonly ReceivedStatement[] | null = null;
  #used = false;

  constructor(message: ScannedMessage, keys: StapleKeySource, origin: MessageOrigin = {}) {
    this.#message = message;
    this.#keys = keys;
    this.#origin = origin;
  }

  /** A staple served instead of a lookup. */
  get used(): boolean {
    return this.#used;
  }

  async lookUp(query: KeyQuery): Promise<KeyAnswer> {
    const { header, index } = this.#message;
    this.#statements ??= readStaples(header, index.get(STAPLE_FIELD) ?? []);
    const identity = encodeAddress(query.identity);
    const staple = this.#statements.find((about) => about.kid === query.kid && about.identity === identity);
    const answer = await this.#keys.lookUp({
      ...query,
      ...this.#origin,
      ...(staple === undefined ? {} : { staple }),
    });
    if (answer.kind === "key" && answer.stapled === true) this.#used = true;
    return answer;
  }
}
