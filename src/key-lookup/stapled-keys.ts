import { type ReceivedStatement, readStaples, STAPLE_FIELD } from "../key-protocol/index.ts";
import { encodeAddress } from "../message/index.ts";
import type { KeyAnswer, KeyQuery, KeySource, ScannedMessage } from "../signature/index.ts";

/** A question about a key, with what the message itself says about it: a statement that nothing proves yet. */
export interface StapledQuery extends KeyQuery {
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
  #statements: readonly ReceivedStatement[] | null = null;
  #used = false;

  constructor(message: ScannedMessage, keys: StapleKeySource) {
    this.#message = message;
    this.#keys = keys;
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
    const answer = await this.#keys.lookUp(staple === undefined ? query : { ...query, staple });
    if (answer.kind === "key" && answer.stapled === true) this.#used = true;
    return answer;
  }
}
