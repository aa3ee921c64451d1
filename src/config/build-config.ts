import { resolve } from "node:path";
import { buildDomain } from "./build-domain.ts";
import { buildMilter } from "./build-milter.ts";
import { buildNextHop } from "./build-next-hop.ts";
import { buildPolicy, checkNeighbours } from "./build-policy.ts";
import { buildProxies } from "./build-proxies.ts";
import { buildReports } from "./build-reports.ts";
import type {
  Config,
  DeliverySettings,
  DkimSettings,
  HostAndPort,
  RemoteVaultSettings,
  Route,
  TokenSettings,
} from "./config.ts";
import { ListenerBuilder } from "./listener-builder.ts";
import { formatPath, type Report } from "./problems.ts";
import { resolveFile } from "./resolve-file.ts";
import type { Settings } from "./schema.ts";
import { parseDomain, parseTarget } from "./values.ts";

/**
 * Makes the settings complete: absolute paths, canonical names, and what one setting means for another.
 * Contradictions between settings are reported.
 *
 * @param folder where the file is; relative paths count from there
 */
export function buildConfig(settings: Settings, folder: string, report: Report): Config {
  const { accounts, key_server: keyServer, network, limits } = settings;
  const { keyring, queue, spool, master_key: masterKey } = settings.store;
  const dataDirectory = resolve(folder, settings.data_directory);
  const roles = new Set(settings.roles);
  const listeners = new ListenerBuilder(settings, folder, report);
  const config: Config = {
    roles,
    hostname: settings.hostname,
    dataDirectory,
    logLevel: settings.log_level,
    store: {
      keyring: resolveFile(keyring, dataDirectory),
      queue: resolveFile(queue, dataDirectory),
      // Who has a database for the queue wants no file for the log.
      log: resolveFile(
        settings.store.log ?? (queue.kind === "file" ? { kind: "file", path: "mail-log.sqlite" } : queue),
        dataDirectory,
      ),
      spool: resolve(dataDirectory, spool),
      masterKey: resolveFile(masterKey, dataDirectory),
    },
    accounts: {
      limits: {
        recipients: accounts.recipients_per_period,
        periodMs: accounts.period,
        newAccountRecipients: accounts.new_account_recipients,
        newAccountMs: accounts.new_account_period,
      },
      scram: accounts.scram,
      tokens: accounts.tokens === undefined ? null : buildTokens(accounts.tokens, folder),
    },
    submission: {
      listeners: settings.submission.listen.map((written, index) =>
        listeners.buildSmtp("submission", written, ["submission", "listen", index]),
      ),
      logins: {
        domain: settings.submission.login_domain ?? null,
        exceptions: new Map(Object.entries(settings.submission.logins)),
      },
      staple: settings.submission.staple,
      stoppedMail: settings.submission.stopped_mail,
      eightBit: settings.submission.eight_bit,
      dkim: buildDkim(settings.submission.dkim, folder, report),
      vault:
        settings.submission.vault === undefined
          ? null
          : buildVault(settings.submission.vault, folder, report),
    },
    vault: {
      listeners: settings.vault.listen.map((written, index) =>
        listeners.build("vault", written, ["vault", "listen", index]),
      ),
      socketDirectory:
        settings.vault.socket_directory === undefined
          ? null
          : resolve(folder, settings.vault.socket_directory),
    },
    mx: {
      listeners: settings.mx.listen.map((written, index) =>
        listeners.buildSmtp("mx", written, ["mx", "listen", index]),
      ),
      otherHosts: settings.mx.other_hosts,
    },
    keyServer: {
      listeners: keyServer.listen.map((written, index) =>
        listeners.build("key-server", written, ["key_server", "listen", index]),
      ),
      exposure: keyServer.exposure,
      redirect: keyServer.redirect ?? null,
      overflow: keyServer.overflow ? { target: keyServer.overflow, above: keyServer.overflow_above } : null,
      remembered: keyServer.remembered,
      processes: keyServer.processes,
      limits: {
        connections: keyServer.limits.connections,
        connectionsPerPrefix: keyServer.limits.connections_per_prefix,
        requestsPerMinute: keyServer.limits.requests_per_minute,
        exempt: keyServer.limits.exempt,
      },
    },
    milter: buildMilter(settings.milter, folder, report),
    proxies: buildProxies(settings, folder, listeners, report),
    domains: settings.domains.map((_, index) =>
      buildDomain(settings, index, { folder, dataDirectory }, report),
    ),
    routes: Object.entries(settings.routes).flatMap(([pattern, nextHop]) =>
      buildRoute(pattern, nextHop, folder, report),
    ),
    policy: buildPolicy(settings.policy, report),
    quarantine: {
      into: settings.quarantine.into,
      keepMs: settings.quarantine.keep,
      most: settings.quarantine.most,
      digest: settings.quarantine.digest,
    },
    log: { enabled: settings.log.enabled, keepMs: settings.log.keep },
    reports: buildReports(settings, dataDirectory, report),
    keyLookup: {
      requiredTrust: settings.key_lookup.required_trust,
      dane: settings.key_lookup.dane,
      mtaSts: settings.key_lookup.mta_sts,
      strangers: settings.key_lookup.strangers,
      refusingHosts: settings.key_lookup.refusing_hosts,
      gateways: settings.key_lookup.gateways,
    },
    neighbours: { enabled: settings.neighbours.enabled, deadlineMs: settings.neighbours.deadline },
    delivery: buildDelivery(settings.delivery, report),
    network: {
      resolvers: network.resolvers,
      connect: buildConnect(network.connect, report),
      caFile: network.ca_file === undefined ? null : resolve(folder, network.ca_file),
      allowPrivateAddresses: network.allow_private_addresses,
      keyPort: network.key_port,
    },
    limits: {
      messageOctets: limits.message_size,
      recipients: limits.recipients,
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
      idleTimeoutMs: limits.idle_timeout,
    },
  };
  checkNeighbours(config, report);
  if (roles.has("vault") && config.vault.listeners.length === 0 && config.vault.socketDirectory === null) {
    report(
      ["vault", "listen"],
      "vault.listen is empty and there is no vault.socket_directory: nobody could reach it",
    );
  }
  if (roles.has("mx") && config.domains.length === 0) {
    report(
      ["roles"],
      'the role "mx" receives mail for [[domains]], and there is none; add one or remove the role',
    );
  }
  return config;
}

function buildDelivery(written: Settings["delivery"], report: Report): DeliverySettings {
  if (written.retry_first > written.retry_most) {
    report(
      ["delivery", "retry_first"],
      "delivery.retry_first must not be longer than delivery.retry_most, which waits grow to",
    );
  }
  return {
    giveUpAfterMs: written.give_up_after,
    warnAfterMs: Number.isFinite(written.warn_after) ? written.warn_after : null,
    retryFirstMs: written.retry_first,
    retryMostMs: written.retry_most,
    connectionsPerDestination: written.connections_per_destination,
    messages: written.messages,
    dane: written.dane,
    mtaSts: written.mta_sts,
  };
}

function buildTokens(written: NonNullable<Settings["accounts"]["tokens"]>, folder: string): TokenSettings {
  const { jwks } = written;
  return {
    ...written,
    jwks: jwks.kind === "file" ? { kind: "file", path: resolve(folder, jwks.path) } : jwks,
    scope: written.scope ?? null,
  };
}

function buildDkim(written: Settings["submission"]["dkim"], folder: string, report: Report): DkimSettings[] {
  const taken = new Set<string>();
  return written.map(({ domain, selector, key }, index) => {
    const name = `${selector}._domainkey.${domain}`;
    if (taken.has(name)) report(["submission", "dkim", index], `${name} has a key already`);
    taken.add(name);
    return { domain, selector, keyFile: resolve(folder, key) };
  });
}

function buildVault(
  written: NonNullable<Settings["submission"]["vault"]>,
  folder: string,
  report: Report,
): RemoteVaultSettings | null {
  const { connect, mode, certificate, key, ca_file: caFile, server_spki: serverSpki } = written;
  const path = ["submission", "vault"];
  if (connect.kind === "unix") {
    for (const name of ["certificate", "key", "ca_file", "server_spki"] as const) {
      if (written[name] === undefined) continue;
      report([...path, name], `${formatPath([...path, name])} has no meaning for a Unix socket; remove it`);
    }
    return { place: { kind: "unix", path: resolve(folder, connect.path) }, mode };
  }
  if (certificate === undefined || key === undefined) {
    report(path, `${formatPath(path)} needs certificate and key: the vault tells submission servers by them`);
    return null;
  }
  const tlsFiles = { certificate: resolve(folder, certificate), key: resolve(folder, key) };
  return {
    place: {
      kind: "tcp",
      target: connect.target,
      tlsFiles,
      caFile: caFile === undefined ? null : resolve(folder, caFile),
      serverSpki: serverSpki ?? null,
    },
    mode,
  };
}

function buildRoute(
  written: string,
  hop: Settings["routes"][string],
  folder: string,
  report: Report,
): Route[] {
  const path = ["routes", written];
  const domain = parseDomain(written.replace(/^\./, ""));
  if (written !== "*" && domain === null) {
    report(path, `${formatPath(path)} must be a domain, ".domain" for all below it, or "*"`);
    return [];
  }
  if (hop.next_hop === undefined && hop.lmtp === undefined) {
    report(path, `${formatPath(path)} says not where mail goes; set next_hop or lmtp`);
    return [];
  }
  const nextHop = buildNextHop(hop, path, folder, report);
  const pattern = written === "*" ? "*" : `${written.startsWith(".") ? "." : ""}${domain}`;
  return nextHop === null ? [] : [{ pattern, nextHop }];
}

function buildConnect(
  written: Readonly<Record<string, HostAndPort>>,
  report: Report,
): ReadonlyMap<string, HostAndPort> {
  const connect = new Map<string, HostAndPort>();
  for (const [from, to] of Object.entries(written)) {
    const place = parseTarget(from);
    if (place) connect.set(`${place.host}:${place.port}`, to);
    else
      report(["network", "connect", from], `${formatPath(["network", "connect", from])} must be HOST:PORT`);
  }
  return connect;
}
