import { Border, forAllDomains } from "../border/index.ts";
import type { Config } from "../config/index.ts";
import { Filter, type SettingsOf, type SigningOptions, type VerifyingOptions } from "../filter/index.ts";
import { canonicalDomain } from "../message/index.ts";
import { MilterServer } from "../milter/index.ts";
import type { DkimSigners, Vault } from "../signing/index.ts";
import { specialDomains } from "./domain-settings.ts";
import { openKeyLookupLater } from "./key-lookup.ts";
import { MilterLog } from "./milter-log.ts";
import { openVerification } from "./open-verification.ts";
import { openPassingSpool } from "./passing-spool.ts";
import type { Place, Running, Shared } from "./role.ts";

/**
 * Tells a mail server what to do with its mail: its users' is signed, others' is verified. Nothing is queued here.
 *
 * @param vault null where it signs nothing
 */
export async function startMilter(shared: Shared, vault: Vault | null, dkim: DkimSigners): Promise<Running> {
  const { config } = shared;
  const { milter: settings, limits } = config;
  const log = new MilterLog(shared.log, shared.mailLog.log);
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const { spool, close } = await openPassingSpool(config, shared.log);
    closers.push(close);
    const filter = new Filter({
      hostname: config.hostname,
      otherHosts: config.mx.otherHosts,
      submitters: settings,
      signing: vault && settings.jobs.has("sign") ? openSigning(shared, vault, dkim, closers) : null,
      verifying: settings.jobs.has("verify") ? await openVerifying(shared, closers) : null,
      spool,
      onEvent: (event) => log.note(event),
    });
    closers.push(() => filter.close());
    const server = new MilterServer({
      handler: filter,
      limits: { connections: limits.connections },
      deadlines: { progressMs: settings.progressMs },
      onEvent: (event) => log.connection(event),
    });
    closers.push(() => server.close());
    const places: Place[] = [];
    for (const listener of settings.listeners) {
      const bound = await server.listen(listener);
      const at = "path" in bound ? { host: `unix:${bound.path}`, port: 0 } : bound;
      places.push({ role: "milter", ...at, tls: "plain" });
    }
    return { places, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function openSigning(
  shared: Shared,
  vault: Vault,
  dkim: DkimSigners,
  closers: (() => Promise<void> | void)[],
): SigningOptions {
  const { milter, submission } = shared.config;
  const keys = openKeyLookupLater(shared);
  closers.push(() => keys.close());
  return {
    vault,
    unknownUsers: milter.unknownUsers,
    staple: submission.staple,
    eightBit: submission.eightBit,
    dkim,
    keys,
  };
}

async function openVerifying(
  shared: Shared,
  closers: (() => Promise<void> | void)[],
): Promise<VerifyingOptions> {
  const { config } = shared;
  const { verification, bounces, close } = await openVerification(shared);
  closers.push(close);
  const { hostname, policy } = config;
  return {
    border: new Border({ hostname, otherHosts: config.mx.otherHosts, verification, bounces, policy }),
    settingsOf: settingsByRecipient(config),
    // The mail server's own quarantine; or the mark, by which its delivery files mail into folders.
    quarantine: config.quarantine.into === "store" ? "hold" : "mark",
    onTrouble: config.milter.onTrouble,
  };
}

/** Null where all mail is treated alike: then the mail server need not ask for each recipient. */
function settingsByRecipient(config: Config): SettingsOf | null {
  const special = specialDomains(config);
  if (special.size === 0) return null;
  return (recipient) => {
    const domain = canonicalDomain(recipient.slice(recipient.lastIndexOf("@") + 1));
    return (domain === null ? undefined : special.get(domain)) ?? forAllDomains;
  };
}
