import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DialPlaces } from "../../dialer/index.ts";
import { DnsServer } from "../../dns/index.ts";
import { AlteringRelay } from "./altering-relay.ts";
import { Authority } from "./authority.ts";
import { freePorts } from "./free-ports.ts";
import { connectPlaces, dnsRecords } from "./hosts.ts";
import { Installation } from "./installation.ts";
import type { Observer } from "./observer.ts";
import { PlainHost } from "./plain-host.ts";
import { planDomains, planHosts, planInstallations, STAND_IN } from "./plans.ts";
import { explainProblem } from "./playground-problem.ts";

/** What stands on 127.0.0.1. The providers know nothing of each other but what DNS tells them. */
export interface PlaygroundNetwork {
  /** Only this user can read it; gone when the playground stops. */
  readonly folder: string;
  readonly caFile: string;
  readonly dns: DnsServer;
  readonly dnsPort: number;
  /** `host:port` of the protocols, and where it is here. */
  readonly connect: DialPlaces;
  readonly someisp: Installation;
  readonly dest: Installation;
  readonly spam: Installation;
  /** A plain SMTP server; the folder holds its users' Maildirs. */
  readonly legacy: { readonly hostname: string; readonly folder: string };
  /** Ends all servers and removes the folder. */
  stop(): Promise<void>;
}

type Closers = (() => Promise<void>)[];

const MAX_STARTS = 3;
const REMOVE = { recursive: true, force: true, maxRetries: 3 };

/** @throws PlaygroundProblem */
export async function startNetwork(observer: Observer): Promise<PlaygroundNetwork> {
  for (let starts = 1; ; starts++) {
    const closers: Closers = [];
    const stop = async (): Promise<void> => {
      for (const close of closers.splice(0).reverse()) await close();
    };
    try {
      return { ...(await startParts(observer, closers)), stop };
    } catch (error) {
      await stop();
      // A port that was free a moment ago: another program was quicker.
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!taken || starts === MAX_STARTS) throw explainProblem(error);
    }
  }
}

async function startParts(observer: Observer, closers: Closers): Promise<Omit<PlaygroundNetwork, "stop">> {
  const folder = await mkdtemp(join(tmpdir(), "vsmtp-playground-"));
  closers.push(() => rm(folder, REMOVE));
  // A process that ends in another way than by stop (its output is closed, say) does not leave it behind either.
  const removeAtExit = (): void => rmSync(folder, REMOVE);
  process.once("exit", removeAtExit);
  closers.push(async () => void process.off("exit", removeAtExit));
  // Nobody keeps an answer, so that changes show at once.
  const dns = new DnsServer({ ttlSeconds: 0 });
  const { port: dnsPort } = await dns.listen();
  closers.push(() => dns.close());
  const [authority, ports] = await Promise.all([Authority.create(), freePorts(14)]);
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, authority.certificate);

  const takePort = (): number => ports.pop() as number;
  const plans = planInstallations(takePort);
  const { legacy, relay } = await startOthers(folder, plans.dest, closers);
  const hosts = planHosts(plans, { legacySmtp: legacy.port, relaySmtp: relay.port });
  const connect = connectPlaces(hosts, takePort());

  const site = { folder, authority, observer, dnsPort, caFile, connect };
  const start = async (plan: (typeof plans)["someisp"]): Promise<Installation> => {
    const installation = await Installation.start(plan, site);
    closers.push(() => installation.stop());
    return installation;
  };
  const [someisp, dest, spam] = await allStarted([
    start(plans.someisp),
    start(plans.dest),
    start(plans.spam),
    start(plans.branch),
  ]);

  const policies = new Map<string, string>();
  for (const installation of [someisp, dest]) {
    const dk = await installation.statementKey();
    policies.set(installation.plan.name, `v=VSMTP1; p=reject; dk=${dk}`);
  }
  for (const [name, records] of dnsRecords(hosts, planDomains(plans, policies))) dns.set(name, records);
  dns.delete(STAND_IN);
  return { folder, caFile, dns, dnsPort, connect, someisp, dest, spam, legacy };
}

/** Those who know nothing of VSMTP. */
async function startOthers(
  folder: string,
  dest: { hostname: string; ports: { smtp: number } },
  closers: Closers,
) {
  const legacyFolder = join(folder, "legacy.test");
  await mkdir(legacyFolder);
  const plainHost = new PlainHost("mx.legacy.test", "legacy.test", legacyFolder);
  closers.push(() => plainHost.stop());
  const alteringRelay = new AlteringRelay("mx.relay.test", (text) => text.replace("100 EUR", "900 EUR"), {
    hostname: dest.hostname,
    port: dest.ports.smtp,
  });
  closers.push(() => alteringRelay.stop());
  return {
    legacy: { hostname: plainHost.hostname, folder: legacyFolder, port: await plainHost.listen() },
    relay: { port: await alteringRelay.listen() },
  };
}

/** All, or the first failure: but only when the others have come to an end, so that they can be stopped. */
async function allStarted<T extends readonly Promise<unknown>[]>(
  starting: [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}
