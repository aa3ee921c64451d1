import { GroupCommit } from "../../group-commit/index.ts";
import { type KeyringStore, KeyringStoreError, type Use, type UseAnswer } from "../keyring-store.ts";
import type { AuditEntry } from "./audit-entry.ts";

const MAX_USES = 500;
/** Beyond this many the store has stopped or is far too slow: waiting longer would serve nobody. */
const MAX_WAITING = 10_000;

/**
 * Logs and counts every AUTH, SIGN, GETKEY and SPEND (PRV-20): those that come at the same time share a transaction.
 * What its promise promised is on the disk. It rejects with a {@link KeyringStoreError}; the caller then refuses
 * the user, since nothing is signed that is not logged.
 */
export class AuditWriter {
  readonly #commits: GroupCommit<Use, UseAnswer>;

  constructor(store: Pick<KeyringStore, "use">) {
    this.#commits = new GroupCommit({ commit: (uses) => store.use(uses), maxItems: MAX_USES });
  }

  write(use: Use): Promise<UseAnswer> {
    if (this.#commits.waiting >= MAX_WAITING) {
      return Promise.reject(new KeyringStoreError("busy", new Error("too many uses wait to be logged")));
    }
    return this.#commits.add(use);
  }

  /** Where nothing is counted. */
  async log(entry: AuditEntry): Promise<void> {
    await this.write({ entry, take: null, touch: null });
  }
}
