import { networkInterfaces } from "node:os";
import type { Config } from "../config/index.ts";
import { Delivery, firstExpansion, type SenderStanding } from "../delivery/index.ts";
import { bearsAlteredMail, Forwarding } from "../forwarding/index.ts";
import type { KeyringStore } from "../keyring/index.ts";
import type { DkimSigners, Vault } from "../signing/index.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { openKeyLookup } from "./key-lookup.ts";
import { KeyringStanding } from "./keyring-standing.ts";
import { LookedUpStanding } from "./looked-up-standing.ts";
import { logDelivery } from "./mail-log-entries.ts";
import { maildirOf } from "./mailboxes.ts";
import { authoritiesOf } from "./network.ts";
import { readNextHopPasswords } from "./next-hop-passwords.ts";
import { startQuarantineDigests } from "./quarantine-digests.ts";
import { RoleReportSigner } from "./report-signer.ts";
import { startReports } from "./reporting.ts";
import type { MailStore, Running, Shared } from "./role.ts";

export interface DeliverySources {
  /** Signs reports; null: nobody does. */
  readonly vault: Vault | null;
  readonly dkim: DkimSigners;
  /** Says how senders' keys stand; null: it is elsewhere, and key servers are asked. */
  readonly keyring: KeyringStore | null;
}

/**
 * Takes messages from the queue to Maildirs, next hops and other domains' mail hosts.
 *
 * @throws Error that says which password of a next hop cannot be read
 */
export async function startDelivery(
  shared: Shared,
  { queue, spool }: MailStore,
  { vault, dkim, keyring }: DeliverySources,
): Promise<Running> {
  const { config, network, watchers } = shared;
  const { hostname, submission } = config;
  const { standing, close } = openStanding(shared, keyring);
  const log = new DeliveryLog(shared.log);
  const { onWire } = watchers;
  const forwarding = new Forwarding({
    domains: config.domains,
    vault,
    staple: submission.staple,
    dkim,
    spool,
    bearsAlteredMail: (domain) => bearsAlteredMail(shared.memories.policies(), network.resolver)(domain),
    onMembersProblem: (file, problem) =>
      shared.log.error({ role: "delivery", file, problem }, "list members"),
  });
  const passwordOf = await readNextHopPasswords(config);
  const reportSigner = new RoleReportSigner({
    hostname,
    vault,
    ownDomain: config.domains[0]?.name ?? null,
    staple: submission.staple,
    dkim,
  });
  const reports = startReports(shared, queue, reportSigner);
  const delivery = new Delivery({
    queue,
    hostname,
    domains: config.domains,
    routes: config.routes,
    passwordOf,
    findMaildir: maildirOf,
    expansion: firstExpansion(reports.inbox, forwarding),
    resolver: network.resolver,
    dialer: network.dialer,
    allowPrivateAddresses: config.network.allowPrivateAddresses,
    isOwnAddress: ownAddresses(config),
    dane: config.delivery.dane,
    mtaSts: config.delivery.mtaSts ? shared.memories.mtaSts() : null,
    ca: authoritiesOf(network),
    limits: {
      messages: config.delivery.messages,
      connectionsPerDestination: config.delivery.connectionsPerDestination,
    },
    reportSigner,
    warnAfterMs: config.delivery.warnAfterMs,
    standing,
    stoppedMail: submission.stoppedMail,
    onEvent: (event) => {
      log.note(event);
      logDelivery(shared.mailLog.log, event);
      watchers.onDelivery?.(event);
    },
    ...(onWire ? { transcript: (target, line) => onWire("delivery", target.host, line) } : {}),
  });
  delivery.start();
  const endDigests = startQuarantineDigests(shared, queue, reportSigner);
  return {
    places: [],
    stop: async () => {
      await reports.stop();
      await endDigests();
      await delivery.stop();
      close();
      log.end();
    },
  };
}

/** Addresses of this host come and go with its networks. */
const lookAgainMs = 60_000;

/**
 * Where mail comes back to us: the addresses of a host that is an MX itself. In closed test networks all hosts have the
 * same.
 */
function ownAddresses({ roles, network }: Config): (address: string) => boolean {
  if (!roles.has("mx") || network.allowPrivateAddresses) return () => false;
  let addresses: ReadonlySet<string> = new Set();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return (address) => {
    if (Date.now() - lookedAt > lookAgainMs) {
      lookedAt = Date.now();
      addresses = new Set(
        Object.values(networkInterfaces()).flatMap((some) => some?.map((own) => own.address) ?? []),
      );
    }
    return addresses.has(address);
  };
}

/** Answers are as good as new for a minute; and keys of ours are nobody's forgeries, so that more may be asked for. */
const lookupLimits = {
  maxStatementSeconds: 60,
  domainBudget: { inFlight: 50, perMinute: 3000 },
  deadlines: { lookupMs: 5000 },
};

function openStanding(
  shared: Shared,
  keyring: KeyringStore | null,
): { readonly standing: SenderStanding; close(): void } {
  if (keyring !== null) return { standing: new KeyringStanding(keyring), close: () => {} };
  const keys = openKeyLookup(shared, lookupLimits);
  return { standing: new LookedUpStanding(keys), close: () => keys.close() };
}
