import type { EnrolmentRecord } from "../keyring/index.ts";
import { EnrolledAccess, type EnrolledAccessOptions } from "./enrolled-access.ts";

/** Follows the enrolments of the key store: who has one now, and whose has ended (PRV-32). */
export class Enrolments {
  readonly #read: () => Promise<readonly EnrolmentRecord[]>;
  readonly #options: EnrolledAccessOptions;
  readonly #onEnd: (access: EnrolledAccess) => void;
  #byName = new Map<string, EnrolledAccess>();
  #reading: Promise<void> | null = null;

  /** @param onEnd is told of an enrolment that was taken away, or replaced by another of the same name */
  constructor(
    read: () => Promise<readonly EnrolmentRecord[]>,
    options: EnrolledAccessOptions,
    onEnd: (access: EnrolledAccess) => void,
  ) {
    this.#read = read;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  get all(): readonly EnrolledAccess[] {
    return [...this.#byName.values()];
  }

  byCertificate(spkiSha256: string): EnrolledAccess | null {
    for (const access of this.#byName.values()) {
      const { proof } = access.enrolment;
      if (proof.kind === "certificate" && proof.spkiSha256 === spkiSha256) return access;
    }
    return null;
  }

  /** Reads them anew; whoever asks meanwhile gets the same answer. Rejects when the store does. */
  refresh(): Promise<void> {
    this.#reading ??= this.#refresh().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** All end: the server does. */
  clear(): void {
    for (const access of this.#byName.values()) access.end();
    this.#byName.clear();
  }

  async #refresh(): Promise<void> {
    const records = await this.#read();
    const before = this.#byName;
    this.#byName = new Map();
    for (const record of records) {
      const known = before.get(record.name);
      const isSame = known !== undefined && JSON.stringify(known.enrolment) === JSON.stringify(record);
      this.#byName.set(record.name, isSame ? known : new EnrolledAccess(record, this.#options));
    }
    for (const access of before.values()) {
      if (this.#byName.get(access.enrolment.name) === access) continue;
      access.end();
      this.#onEnd(access);
    }
  }
}
