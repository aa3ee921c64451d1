import type { Config } from "../../config/index.ts";
import {
  type CommandMail,
  createLog,
  type Network,
  openCommandMail,
  openNetwork,
} from "../../provider/index.ts";
import type { StoreSource } from "../administration/store-command.ts";
import { withStoreErrors } from "../administration/store-errors.ts";
import { actorName } from "../configuration.ts";
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
    await withStoreErrors(() => work({ network, domain, openMail: () => openMail(config, domain, network) }));
  },
};

function openMail(config: Config, domain: string, network: Network): Promise<CommandMail> {
  if (!hasQueue(config))
    throw new UsageError("there is no queue on this host: nothing can be sent from here");
  return openCommandMail(config, domain, network, createLog("silent", process.stderr), actorName());
}
