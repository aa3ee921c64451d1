import { type Address, addressText } from "../message/index.ts";
import { signInput } from "../signature/index.ts";
import { MAX_H_OCTETS, type VaultAnswer, type VaultClient } from "../vault-protocol/index.ts";
import { BorrowedKeys } from "./borrowed-keys.ts";
import type { Identification, Login, Signed, SigningOrder, Spent } from "./vault.ts";
import { isError, limitedOf, noUseOf } from "./vault-answer.ts";

export interface RemoteLoginOptions {
  readonly client: VaultClient;
  readonly mode: "sign" | "getkey";
  readonly clock: { now(): number };
}

/** An answer of ID is good for this long (PRV-19). */
const REMEMBER_MS = 60_000;
/** Authors that one login writes as within a minute. */
const MAX_REMEMBERED = 100;

type Granted = Identification & { readonly kind: "granted" };

/** A user whom a vault gave a ticket. */
export class RemoteLogin implements Login {
  readonly accountId: string;
  readonly primary: Address;
  readonly countsOnSigning: boolean;
  readonly #ticket: string;
  readonly #options: RemoteLoginOptions;
  readonly #remembered = new Map<string, { readonly answer: Granted; readonly at: number }>();
  readonly #borrowed: BorrowedKeys;
  readonly #borrowing = new Map<string, Promise<VaultAnswer>>();
  /** Recipients that the vault could not count while it was away (mode GETKEY). */
  #owed = 0;
  #over = false;

  constructor(
    given: { readonly ticket: string; readonly accountId: string; readonly primary: Address },
    options: RemoteLoginOptions,
  ) {
    this.accountId = given.accountId;
    this.primary = given.primary;
    this.countsOnSigning = options.mode === "sign";
    this.#ticket = given.ticket;
    this.#options = options;
    this.#borrowed = new BorrowedKeys(options.clock);
  }

  async identify(address: Address): Promise<Identification> {
    if (this.#over) return { kind: "ended" };
    const name = addressText(address);
    const now = this.#options.clock.now();
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined && now - remembered.at < REMEMBER_MS) return remembered.answer;
    const answer = await this.#options.client.request({ verb: "ID", ticket: this.#ticket, address });
    this.#remembered.delete(name);
    if (answer.kind === "identified") {
      const keys = answer.keys.map(({ kid, algorithm, statement }) => ({ kid, algorithm, statement }));
      const granted: Granted = { kind: "granted", identity: answer.identity, keys };
      this.#remember(name, granted, now);
      return granted;
    }
    if (isError(answer, "POLICY")) return { kind: "not-granted" };
    return this.#noUse(answer);
  }

  async spend(recipients: number): Promise<Spent> {
    if (this.#over) return { kind: "ended" };
    const counted = recipients + this.#owed;
    const answer = await this.#options.client.request({
      verb: "SPEND",
      ticket: this.#ticket,
      recipients: counted,
    });
    if (answer.kind === "done") {
      this.#owed = 0;
      return { kind: "spent" };
    }
    const limited = limitedOf(answer);
    if (limited !== null) return limited;
    if (this.#options.mode === "getkey" && answer.kind === "failed") {
      // Signing survives a short outage in this mode (PRV-16); it is short, since ID must be answered each minute.
      this.#owed = counted;
      return { kind: "spent" };
    }
    return this.#noUse(answer);
  }

  sign(order: SigningOrder): Promise<Signed> {
    if (this.#over) return Promise.resolve({ kind: "ended" });
    return this.#options.mode === "sign" ? this.#signThere(order) : this.#signHere(order);
  }

  end(): void {
    const { client } = this.#options;
    const ticket = this.#ticket;
    if (this.#over) return;
    const settled = this.#owed > 0 ? client.request({ verb: "SPEND", ticket, recipients: this.#owed }) : null;
    // One behind the other: they may take different connections.
    void Promise.resolve(settled).then(() => client.request({ verb: "DROP", ticket }));
    this.#finish();
  }

  async #signThere(order: SigningOrder): Promise<Signed> {
    const { identity: address, kid, recipientCount: recipients, headerCanonical: h } = order;
    if (h.length > MAX_H_OCTETS) {
      return {
        kind: "refused",
        detail: `the header has more than ${MAX_H_OCTETS} octets that are to be signed`,
      };
    }
    const ticket = this.#ticket;
    const request = { verb: "SIGN", ticket, address, kid, recipients, length: h.length } as const;
    const answer = await this.#options.client.request(request, h);
    if (answer.kind === "signature") return { kind: "signed", signature: answer.octets };
    return this.#notSigned(answer);
  }

  async #signHere({ identity, kid, input }: SigningOrder): Promise<Signed> {
    const name = addressText(identity);
    let key = this.#borrowed.find(name, kid);
    if (key === null) {
      const answer = await this.#borrow(identity);
      if (answer.kind !== "keys") return this.#notSigned(answer);
      key = this.#borrowed.find(name, kid);
    }
    if (key !== null && !this.#over) return { kind: "signed", signature: signInput(key, input) };
    return this.#replaced();
  }

  /** Asks once for all copies that are signed at the same time. */
  #borrow(identity: Address): Promise<VaultAnswer> {
    const name = addressText(identity);
    const asked = this.#borrowing.get(name);
    if (asked !== undefined) return asked;
    const answer = this.#options.client
      .request({ verb: "GETKEY", ticket: this.#ticket, address: identity })
      .then((given) => {
        if (given.kind === "keys" && !this.#over) this.#borrowed.take(name, given.keys);
        return given;
      })
      .finally(() => this.#borrowing.delete(name));
    this.#borrowing.set(name, answer);
    return answer;
  }

  #notSigned(answer: VaultAnswer): Signed {
    if (isError(answer, "NOKEY")) return this.#replaced();
    if (answer.kind === "error" && answer.code === "POLICY") return { kind: "refused", detail: answer.text };
    if (answer.kind === "error" && answer.code === "SYNTAX")
      return { kind: "malformed", detail: answer.text };
    return limitedOf(answer) ?? this.#noUse(answer);
  }

  #replaced(): Signed {
    this.#remembered.clear();
    this.#borrowed.clear();
    return { kind: "replaced" };
  }

  #remember(name: string, answer: Granted, now: number): void {
    const oldest = this.#remembered.size >= MAX_REMEMBERED ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(name, { answer, at: now });
    // A key that was replaced must not sign on from memory.
    for (const { kid } of answer.keys) {
      if (this.#borrowed.find(addressText(answer.identity), kid) !== null) return;
    }
    this.#borrowed.forget(addressText(answer.identity));
  }

  #noUse(answer: VaultAnswer): ReturnType<typeof noUseOf> {
    const meaning = noUseOf(answer);
    if (meaning.kind === "ended") this.#finish();
    else if (meaning.kind !== "unavailable") {
      this.#remembered.clear();
      this.#borrowed.clear();
    }
    return meaning;
  }

  #finish(): void {
    this.#over = true;
    this.#remembered.clear();
    this.#borrowed.clear();
  }
}
