import type { Config } from "../../config/index.ts";
import { KeyringStoreError, MasterKeyError } from "../../keyring/index.ts";
import { MailLogStoreError } from "../../mail-log/index.ts";
import {
  type CommandMail,
  createLog,
  type Network,
  openCommandMail,
  openNetwork,
} from "../../provider/index.ts";
import { QueueStoreError } from "../../queue/index.ts";
import { SpoolError } from "../../spool/index.ts";
import { StoreMismatchError } from "../../store/index.ts";
import type { StoreSource } from "../administration/store-command.ts";
import { actorName } from "../configuration.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import { hasQueue } from "../queue-store.ts";
import { UsageError } from "../usage-error.ts";

/** What a command works with that reports to others. */
export interface Reporting {
  readonly network: Network;
  /** In whose name. */
  readonly domain: string;
  /** Opens queue and vault: only where something is to be sent. */
  openMail(): Promise<CommandMail>;
}

export const reporting: StoreSource<Reporting> = {
  async use(config, work) {
    const { domain } = config.reports;
    if (domain === null)
      throw new UsageError("there is no domain here in whose name reports could be signed");
    const network = openNetwork(config.network);
    await withErrors(() => work({ network, domain, openMail: () => openMail(config, domain, network) }));
  },
};

function openMail(config: Config, domain: string, network: Network): Promise<CommandMail> {
  if (!hasQueue(config))
    throw new UsageError("there is no queue on this host: nothing can be sent from here");
  return openCommandMail(config, domain, network, createLog("silent", process.stderr), actorName());
}

async function withErrors(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreMismatchError || error instanceof MasterKeyError) {
      throw new UsageError(error.message);
    }
    const isOfStore =
      error instanceof QueueStoreError ||
      error instanceof KeyringStoreError ||
      error instanceof MailLogStoreError;
    if (isOfStore && error.kind !== "broken") {
      throw new EndError(`${error.message}; try again`, EXIT.temporary, error);
    }
    if (isOfStore || error instanceof SpoolError) {
      throw new EndError(`${error.message}; check [store] in the settings, and the disk`, EXIT.usage, error);
    }
    throw error;
  }
}
