import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { type Config, signsForUsers, usesQueue } from "../config/index.ts";
import type { Keyring } from "../keyring/index.ts";
import { Queue, RetrySchedule } from "../queue/index.ts";
import type { Vault } from "../signing/index.ts";
import { Spool } from "../spool/index.ts";
import { keyringLocation, openPublicKeyringStore, openQueueStore, queueLocation } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";
import { startDelivery } from "./delivery-role.ts";
import { openDkim } from "./dkim-keys.ts";
import { startKeyServerProcesses } from "./key-server-processes.ts";
import { type KeyServerSecrets, startKeyServer } from "./key-server-role.ts";
import { accessTo, type KeyringAccess, type OpenedKeyring, openKeyring } from "./keyring-access.ts";
import type { Log } from "./log.ts";
import { openMailLog } from "./mail-log.ts";
import { logExpired } from "./mail-log-entries.ts";
import { openMemories } from "./memories.ts";
import { startMx } from "./mx-role.ts";
import { openNetwork } from "./network.ts";
import type { MailStore, Running, Shared, Waits, Watchers } from "./role.ts";
import { startSubmission } from "./submission-role.ts";
import { openRemoteVault } from "./submission-vault.ts";
import { startVault } from "./vault-role.ts";

/** A running installation: the roles that its settings name, in one process. */
export interface Provider extends Running {
  /** Null unless a role signs. */
  readonly keyring: Keyring | null;
  /** Null unless a role queues. */
  readonly queue: Queue | null;
}

/**
 * Starts the roles that the settings name. When one cannot start, those that already run are stopped again.
 *
 * @throws Error that says which role cannot start and why
 */
export async function startProvider(
  config: Config,
  log: Log,
  watchers: Watchers = {},
  waits: Waits = { retry: retryOf(config) },
): Promise<Provider> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const network = openNetwork(config.network);
  const memories = openMemories(config, network, log);
  const mailLog = await openMailLog(config, log);
  const shared: Shared = { config, log, network, memories, mailLog, watchers, waits };
  const started: Running[] = [];
  const closers: (() => Promise<void> | void)[] = [() => memories.close(), () => mailLog.close()];
  const stop = async (): Promise<void> => {
    // First those who take mail in, then those who pass it on, the stores last.
    for (const running of started.splice(0).reverse()) await running.stop();
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const mail = usesQueue(config.roles) ? await openMailStore(shared, closers) : null;
    const queue = mail?.queue ?? null;
    const keyring = needsKeyring(config) ? await openKeyring(config, closers) : null;
    const access = keyring && (await accessTo(keyring, shared));
    if (keyring && access && config.roles.has("vault")) {
      started.push(await startVault(shared, keyring.store, access));
    }
    const vault = await openSubmissionVault(shared, access);
    if (vault) closers.push(() => vault.close());
    // An MX that signs nothing does not even read them.
    const signs = signsForUsers(config) || config.roles.has("delivery");
    const dkim = await openDkim(signs ? config.submission.dkim : []);
    if (mail && config.roles.has("delivery")) {
      // Where the vault is elsewhere, so are the keys that sign, whatever a key server here has.
      const keys = config.submission.vault === null ? keyring : null;
      started.push(await startDelivery(shared, mail, { vault, dkim, keyring: keys?.store ?? null }));
    }
    if (config.roles.has("key-server")) {
      const secrets = await keyServerSecrets(config, keyring, closers);
      started.push(await startPublicInterface(shared, secrets, closers));
    }
    if (mail && config.roles.has("mx")) started.push(await startMx(shared, mail));
    if (mail && vault && config.roles.has("submission")) {
      started.push(await startSubmission(shared, mail, vault, dkim));
    }
    // Hosts of another mail server have these alone: no other process pays for their code.
    if (config.roles.has("milter")) {
      const { startMilter } = await import("./milter-role.ts");
      started.push(await startMilter(shared, vault, dkim));
    }
    if (config.roles.has("proxy")) {
      const { startProxies } = await import("./proxy-role.ts");
      started.push(await startProxies(shared, vault, dkim));
    }
    const places = started.flatMap((running) => running.places);
    return { places, keyring: keyring?.keyring ?? null, queue, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function retryOf({ delivery }: Config): RetrySchedule {
  return new RetrySchedule({ firstDelayMs: delivery.retryFirstMs, maxDelayMs: delivery.retryMostMs });
}

/**
 * The public interface needs one for its decoys; `mx` alone never has it, nor does a submission server whose vault is
 * elsewhere, or an MX host whose key server is.
 */
function needsKeyring(config: Config): boolean {
  const { roles, keyServer, submission } = config;
  const signsHere = signsForUsers(config) && submission.vault === null;
  const makesDecoys = keyServer.exposure === "decoy" && keyServer.redirect === null;
  return signsHere || roles.has("vault") || (roles.has("key-server") && makesDecoys);
}

/** Where users log in, and who signs reports; null where nobody does. */
async function openSubmissionVault(
  { config, log }: Shared,
  access: KeyringAccess | null,
): Promise<Vault | null> {
  const { vault, staple } = config.submission;
  if (!signsForUsers(config) && !config.roles.has("delivery")) return null;
  if (vault !== null) return openRemoteVault(vault, log);
  return access && new KeyringVault(staple ? access : { ...access, statementOf: null });
}

async function startPublicInterface(
  { config, log }: Shared,
  secrets: KeyServerSecrets,
  closers: (() => Promise<void> | void)[],
): Promise<Running> {
  const { processes, redirect } = config.keyServer;
  if (redirect !== null) return startKeyServer({ config, log, store: null, secrets, reusePort: false });
  if (processes > 1) return startKeyServerProcesses({ config, log, secrets });
  const store = await openPublicKeyringStore({ location: await keyringLocation(config.store.keyring) });
  closers.push(() => store.close());
  return startKeyServer({ config, log, store, secrets, reusePort: false });
}

/**
 * Where there are no decoys, the master key is not even read before there is a domain whose statements are signed: a
 * key server for domains without `dk` runs where there is no master key.
 */
async function keyServerSecrets(
  config: Config,
  opened: OpenedKeyring | null,
  closers: (() => Promise<void> | void)[],
): Promise<KeyServerSecrets> {
  let keyring: Promise<OpenedKeyring> | null = opened && Promise.resolve(opened);
  return {
    decoys: config.keyServer.exposure === "decoy" && opened ? await opened.keyring.decoySecret() : null,
    tickets: opened?.masterKey.derive("TLS tickets") ?? randomBytes(32),
    statementKey: async (domain) => {
      keyring ??= openKeyring(config, closers).catch((error) => {
        keyring = null;
        throw error;
      });
      return (await (await keyring).keyring.statementKey(domain))?.privateKey ?? null;
    },
  };
}

async function openMailStore(
  { config, log, waits, mailLog }: Shared,
  closers: (() => Promise<void> | void)[],
): Promise<MailStore> {
  const spool = await Spool.open(config.store.spool);
  const store = await openQueueStore(await queueLocation(config.store.queue), spool);
  const { giveUpAfterMs, warnAfterMs } = config.delivery;
  const queue = new Queue({
    store,
    ...waits,
    hostname: config.hostname,
    giveUpAfterMs,
    warnAfterMs,
    quarantineOctets: config.quarantine.most,
    onSplit: (id, copies) => mailLog.log.copied({ id, copies }),
    onExpired: (messages) => {
      log.info({ ids: messages.map(({ id }) => id) }, "gone from quarantine: nobody released them in time");
      logExpired(mailLog.log, messages);
    },
  });
  closers.push(
    () => store.close(),
    () => queue.close(),
  );
  await queue.start();
  return { queue, spool };
}
