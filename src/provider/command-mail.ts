import type { Config } from "../config/index.ts";
import { Queue, RetrySchedule } from "../queue/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore, queueLocation } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";
import { openDkim } from "./dkim-keys.ts";
import { accessTo, openKeyring } from "./keyring-access.ts";
import type { Log } from "./log.ts";
import type { Network } from "./network.ts";
import { RoleReportSigner } from "./report-signer.ts";
import { openRemoteVault } from "./submission-vault.ts";
import { SystemMail } from "./system-mail.ts";

/** Mail that a command writes, beside the servers that send it. */
export interface CommandMail extends AsyncDisposable {
  readonly mail: SystemMail;
}

/**
 * Opens what a command needs to write mail of this system: the queue, and the vault that the settings name or the key store.
 *
 * @param domain whose role account writes
 * @param actor who, for the audit log
 * @throws QueueStoreError, SpoolError, KeyringStoreError, MasterKeyError, StoreMismatchError, Error: it cannot be used, or
 * not now
 */
export async function openCommandMail(
  config: Config,
  domain: string,
  network: Network,
  log: Log,
  actor: string,
): Promise<CommandMail> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const { hostname, submission, store, delivery } = config;
    const queueStore = await openQueueStore(await queueLocation(store.queue), await Spool.open(store.spool));
    closers.push(() => queueStore.close());
    const queue = new Queue({
      store: queueStore,
      retry: new RetrySchedule(),
      hostname,
      giveUpAfterMs: delivery.giveUpAfterMs,
      warnAfterMs: delivery.warnAfterMs,
    });
    closers.push(() => queue.close());
    const vault =
      submission.vault === null
        ? new KeyringVault({
            ...(await accessTo(await openKeyring(config, closers), { config, network, log })),
            actor,
          })
        : await openRemoteVault(submission.vault, log);
    closers.push(() => vault.close());
    const dkim = await openDkim(submission.dkim);
    const signer = new RoleReportSigner({ hostname, vault, staple: submission.staple, dkim });
    return { mail: new SystemMail({ signer, queue, domain }), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
