import { Border } from "../border/index.ts";
import type { ProxySettings } from "../config/index.ts";
import { NetworkList } from "../dns/index.ts";
import {
  AssertedSenders,
  AssertingProxyHandler,
  type Job,
  loggedIn,
  NextHopConnections,
  ProxyHandler,
  type ProxyOptions,
  presentingNobody,
  ReplayMemory,
  type Senders,
  SignJob,
  SubmissionProxyHandler,
  VerifyJob,
} from "../proxy/index.ts";
import type { KeySource } from "../signature/index.ts";
import { AssertedLogins, type DkimSigners, type Vault } from "../signing/index.ts";
import type { Spool } from "../spool/index.ts";
import { specialDomains } from "./domain-settings.ts";
import { openKeyLookupLater } from "./key-lookup.ts";
import { authoritiesOf } from "./network.ts";
import { type PasswordOf, readProxyPasswords } from "./next-hop-passwords.ts";
import { type OpenVerification, openVerification } from "./open-verification.ts";
import { openPassingSpool } from "./passing-spool.ts";
import { ProxyLog } from "./proxy-log.ts";
import type { Place, Running, Shared } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Below what Postfix waits for a proxy, 100 s for each step (`smtpd_proxy_timeout`), but for the reply to the content. */
const DEADLINES = {
  connectMs: 10_000,
  greetingMs: 30_000,
  ehloMs: 30_000,
  tlsMs: 20_000,
  mailMs: 60_000,
  rcptMs: 60_000,
  dataMs: 60_000,
  dataBlockMs: 60_000,
  dataEndMs: 5 * 60_000,
};
const WAIT_MS = 30_000;
const IDLE_MS = 30_000;

/** What all proxies of the process share. */
interface Tools {
  readonly shared: Shared;
  readonly spool: Spool;
  readonly passwordOf: PasswordOf;
  readonly vault: Vault | null;
  /** Of users whom the servers before us have authenticated. */
  readonly logins: AssertedLogins | null;
  readonly dkim: DkimSigners;
  readonly log: ProxyLog;
  /** Opened where one verifies. */
  readonly verification: OpenVerification | null;
  readonly keys: KeySource;
}

/**
 * Takes mail and passes it on inside the session, verified or signed. Nothing is queued here.
 *
 * @param vault null where no proxy signs
 */
export async function startProxies(shared: Shared, vault: Vault | null, dkim: DkimSigners): Promise<Running> {
  const { config } = shared;
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const { spool, close } = await openPassingSpool(config, shared.log);
    closers.push(close);
    const verifies = config.proxies.some(({ job }) => job === "verify");
    const verification = verifies ? await openVerification(shared) : null;
    closers.push(() => verification?.close());
    const keys = openKeyLookupLater(shared);
    closers.push(() => keys.close());
    const logins = vault && new AssertedLogins(vault);
    closers.push(() => logins?.close());
    const log = new ProxyLog(shared.log, shared.mailLog.log);
    const passwordOf = await readProxyPasswords(config);
    const tools: Tools = { shared, spool, passwordOf, vault, logins, dkim, log, verification, keys };
    const places: Place[] = [];
    for (const settings of config.proxies) {
      const connections = openNextHop(settings, tools);
      closers.push(() => connections.close());
      const running = await listen(settings, connections, tools);
      closers.push(() => running.stop());
      void lookAhead(settings, connections, log);
      places.push(...running.places);
    }
    return { places, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Who starts it hears at once of a next hop that is not there. */
async function lookAhead(
  { job, nextHop, tellClient }: ProxySettings,
  connections: NextHopConnections,
  log: ProxyLog,
): Promise<void> {
  const failure = await connections.look(presentingNobody(tellClient), 0);
  if (failure !== null) log.nextHopAway(job, nextHop, failure);
}

function openNextHop(
  { nextHop, connections }: ProxySettings,
  { shared: { config, network, watchers }, passwordOf }: Tools,
): NextHopConnections {
  const { onWire } = watchers;
  return new NextHopConnections({
    hostname: config.hostname,
    nextHop,
    resolver: network.resolver,
    dialer: network.dialer,
    dane: config.delivery.dane,
    ca: authoritiesOf(network),
    passwordOf,
    connections,
    waitMs: WAIT_MS,
    idleMs: IDLE_MS,
    deadlines: DEADLINES,
    ...(onWire ? { transcript: (place, line) => onWire("delivery", place.host, line) } : {}),
  });
}

function listen(settings: ProxySettings, connections: NextHopConnections, tools: Tools): Promise<Running> {
  const { shared, spool, vault, logins, log } = tools;
  const { job, clients, tellClient, listeners } = settings;
  const networks = clients && new NetworkList(clients);
  const options = (does: Job): ProxyOptions => ({
    job: does,
    connections,
    tellClient,
    // Whom PROXY names is who connects; whom XCLIENT or XFORWARD name is known to who does.
    admits: ({ remoteAddress, proxiedBy, told }) =>
      networks?.has(told === null ? remoteAddress : (proxiedBy ?? remoteAddress)) ?? true,
    spool,
    onEvent: (event) => log.note(job, event),
  });
  if (job === "verify") {
    const { stage, announce } = shared.config.policy;
    const handler = new ProxyHandler(options(verifyJob(tools)));
    return listenSmtp(shared, "proxy", listeners, {
      handler,
      extensions: announce ? [`VSMTP ${stage}`] : [],
    });
  }
  if (vault === null || logins === null) throw new Error("a proxy that signs needs a vault");
  if (job === "submission") {
    const handler = new SubmissionProxyHandler(options(signJob(loggedIn, tools)), vault);
    return listenSmtp(shared, "proxy", listeners, { handler, requireAuth: true });
  }
  const { sender: by, logins: names, unknownUsers } = settings;
  const senders = new AssertedSenders({ logins, by, names, unknownUsers });
  const signing = options(signJob(senders, tools));
  // Who would tell a login that does not count had better hear that it does not.
  const handler = by === "login" ? new AssertingProxyHandler(signing, senders) : new ProxyHandler(signing);
  return listenSmtp(shared, "proxy", listeners, { handler });
}

function verifyJob({ shared: { config }, verification }: Tools): VerifyJob {
  if (verification === null) throw new Error("nothing to verify with");
  const { hostname, policy, mx } = config;
  const special = specialDomains(config);
  return new VerifyJob({
    hostname,
    border: new Border({ hostname, otherHosts: mx.otherHosts, ...verification, policy }),
    settingsOf: (domain) => special.get(domain) ?? null,
    replays: policy.replays === "accept" ? null : new ReplayMemory(),
    clock: Date,
  });
}

function signJob(senders: Senders, { shared: { config }, spool, dkim, keys }: Tools): SignJob {
  const { hostname, mx, submission } = config;
  const { staple, eightBit } = submission;
  return new SignJob({
    hostname,
    otherHosts: mx.otherHosts,
    senders,
    spool,
    staple,
    eightBit,
    dkim,
    keys,
    clock: Date,
  });
}
