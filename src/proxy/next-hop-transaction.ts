import type {
  EnvelopeRecipient,
  Failure,
  OutgoingEnvelope,
  StepOutcome,
  StepwiseTransaction,
} from "../smtp/index.ts";
import type { NextHopConnection, NextHopConnections } from "./next-hop-connections.ts";
import type { Presenting } from "./presenting.ts";

/** A client that sends nothing for so long holds no connection: it is begun again when there is more. */
const RESTS_AFTER_MS = 20_000;

interface UnderWay {
  readonly connection: NextHopConnection;
  readonly steps: StepwiseTransaction;
}

/**
 * One transaction at the next hop. Until the content begins it survives the loss of its connection: it is begun again on
 * another, and where what the server took before it does not take any more, the message has to come again.
 */
export class NextHopTransaction {
  readonly #connections: NextHopConnections;
  readonly #presenting: Presenting | null;
  readonly #envelope: OutgoingEnvelope;
  readonly #accepted: EnvelopeRecipient[] = [];
  #underWay: UnderWay | null = null;
  /** MAIL was accepted. */
  #begun = false;
  /** The server waits for the content, or has it: nothing can be begun again. */
  #inContent = false;
  #over = false;
  /** One thing at a time; the client may go while another is done. */
  #line: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(connections: NextHopConnections, presenting: Presenting | null, envelope: OutgoingEnvelope) {
    this.#connections = connections;
    this.#presenting = presenting;
    this.#envelope = envelope;
  }

  /** Those whom the server took, in order. */
  get accepted(): readonly EnvelopeRecipient[] {
    return this.#accepted;
  }

  mail(): Promise<StepOutcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#begin();
      if (outcome.ok) this.#begun = true;
      else await this.#leave();
      return outcome;
    });
  }

  rcpt(recipient: EnvelopeRecipient): Promise<StepOutcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#resuming(({ steps }) => steps.rcpt(outgoing(recipient)));
      if (outcome.ok) this.#accepted.push(recipient);
      return outcome;
    });
  }

  /**
   * Whether the server waits for the content.
   *
   * @param eightBit RFC 6152 §3: what a server cannot take must not be sent, and signed content not be recoded
   */
  data(eightBit: boolean): Promise<StepOutcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#resuming(async ({ connection, steps }) => {
        return eightBit && !connection.client.extensions.has("8BITMIME") ? noEightBit : steps.data();
      });
      if (outcome.ok) this.#inContent = true;
      return outcome;
    });
  }

  /** Content, after `data` went well; see StepwiseTransaction. */
  write(piece: Uint8Array): Promise<Failure | null> {
    return this.#inTurn(async () => {
      return this.#underWay === null ? lost().failure : this.#underWay.steps.write(piece);
    });
  }

  /** The dot, and the connection goes back. */
  end(last?: Uint8Array): Promise<StepOutcome> {
    return this.#inTurn(async () => {
      if (this.#underWay === null) return lost();
      this.#over = true;
      const outcome = await this.#underWay.steps.end(last);
      await this.#leave();
      return outcome;
    });
  }

  /** It is not to come to its end. What is under way of it is waited for. Never rejects. */
  abandon(): Promise<void> {
    return this.#inTurn(async () => {
      this.#over = true;
      await this.#leave();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(async () => {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      const result = await work();
      if (this.#underWay !== null && !this.#over && !this.#inContent) this.#restLater();
      return result;
    });
    this.#line = done.catch(() => {});
    return done;
  }

  #restLater(): void {
    this.#timer = setTimeout(() => void this.#inTurn(() => this.#rest()), RESTS_AFTER_MS).unref();
  }

  /** The server's answer for MAIL, on a connection that lives: a kept one may have died in the very moment. */
  async #begin(): Promise<StepOutcome> {
    for (let fresh = false; ; fresh = true) {
      const taken = await this.#connections.take(this.#presenting, { fresh });
      if (!taken.ok) return taken;
      const { connection } = taken;
      const steps = connection.client.begin(this.#envelope);
      this.#underWay = { connection, steps };
      const outcome = await steps.mail();
      if (outcome.ok || !connection.reused || !isBrokenOff(outcome.failure)) return outcome;
      await this.#leave();
    }
  }

  /** The same with those whom the server took before. Null: it is as it was. */
  async #beginAgain(): Promise<Failure | null> {
    const begun = await this.#begin();
    if (!begun.ok) return begun.failure;
    for (const recipient of this.#accepted) {
      const outcome = (await this.#underWay?.steps.rcpt(outgoing(recipient))) ?? lost();
      if (!outcome.ok) return isBrokenOff(outcome.failure) ? outcome.failure : changed(outcome.failure);
    }
    return null;
  }

  /** A step before the content, once more on a new connection where the old one turns out to be gone. */
  async #resuming(step: (underWay: UnderWay) => Promise<StepOutcome>): Promise<StepOutcome> {
    if (this.#over || !this.#begun) return lost();
    for (let again = false; ; again = true) {
      const failure = this.#underWay === null ? await this.#beginAgain() : null;
      if (failure !== null) {
        await this.#leave();
        return { ok: false, failure };
      }
      if (this.#underWay === null) return lost();
      const outcome = await step(this.#underWay);
      if (outcome.ok || !isBrokenOff(outcome.failure)) return outcome;
      await this.#leave();
      if (again) return outcome;
    }
  }

  async #rest(): Promise<void> {
    if (!this.#over) await this.#leave();
  }

  async #leave(): Promise<void> {
    const underWay = this.#underWay;
    this.#underWay = null;
    if (underWay === null) return;
    await underWay.steps.reset();
    this.#connections.giveBack(underWay.connection);
  }
}

const noEightBit: StepOutcome = {
  ok: false,
  failure: {
    status: "refused",
    stage: "data",
    code: null,
    enhanced: "5.6.3",
    text: "the next hop does not offer 8BITMIME",
  },
};

/** The server went away, or sends us away. */
export function isBrokenOff({ status, code }: Failure): boolean {
  return status === "deferred" && (code === null || code === 421);
}

function outgoing({ text: address, notify, originalRecipient }: EnvelopeRecipient) {
  return { address, notify, originalRecipient };
}

function lost(): { readonly ok: false; readonly failure: Failure } {
  const text = "the connection to the next hop is lost";
  return { ok: false, failure: { status: "deferred", stage: "data", code: null, enhanced: "4.4.2", text } };
}

/** What the client was told is not true any more. */
function changed(failure: Failure): Failure {
  const text = `the next hop does not take a recipient any more that it took before: ${failure.text}`;
  return { status: "deferred", stage: "data", code: null, enhanced: "4.4.2", text };
}
