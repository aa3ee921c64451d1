// What the tests of this module deliver from and to: a queue on disk, other hosts on loopback.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NextHop } from "../config/index.ts";
import type { DnsAnswer, MxRecord, Resolver } from "../dns/index.ts";
import { type NewMessage, Queue, RetrySchedule } from "../queue/index.ts";
import { reply, type SmtpHandler, SmtpServer, type SmtpServerOptions } from "../smtp/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import { Delivery, type DeliveryEvent, type DeliveryOptions, describe } from "./index.ts";

export const content = Buffer.from("From: a@here.test\r\nSubject: x\r\n\r\n.dot\r\nHello\r\n");

interface Sent extends Partial<Omit<NewMessage, "recipients" | "content">> {
  readonly recipients?: readonly string[];
  readonly content?: Uint8Array;
}

export function message({
  recipients = ["b@dest.test"],
  content: inline = content,
  ...others
}: Sent = {}): NewMessage {
  return {
    sender: "a@here.test",
    recipients: recipients.map((address) => ({ address, notify: null, originalRecipient: null })),
    prefix: Buffer.from("Received: here\r\n"),
    content: { inline, file: null },
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: "a1",
    kids: [],
    suspicious: false,
    ...others,
  };
}

/** A server that the settings name. */
export function nextHop(host: string, port = 25, others: Partial<NextHop> = {}): NextHop {
  return {
    place: { kind: "tcp", host, port },
    protocol: "smtp",
    tls: "opportunistic",
    credentials: null,
    ...others,
  };
}

interface Zone {
  readonly mx?: readonly (readonly [preference: number, exchange: string])[] | "failure";
  readonly addresses?: readonly string[] | "failure";
}

/** A resolver that knows a few names. */
export function resolverOf(zones: Record<string, Zone>): Resolver {
  const answer = <T>(name: string, records: readonly T[] | "failure" | undefined): DnsAnswer<T> => {
    if (records === "failure") return { kind: "failure", detail: "SERVFAIL" };
    if (records !== undefined) return { kind: "records", records, authenticated: false, ttlSeconds: 60 };
    return { kind: zones[name] === undefined ? "nxdomain" : "nodata", authenticated: false, ttlSeconds: 60 };
  };
  return {
    mx: async (name) => {
      const mx = zones[name]?.mx;
      const records =
        mx === "failure" ? mx : mx?.map(([preference, exchange]): MxRecord => ({ preference, exchange }));
      return answer(name, records);
    },
    addresses: async (name) => answer(name, zones[name]?.addresses),
    a: async (name) => answer(name, zones[name]?.addresses),
    aaaa: async (name) => answer<string>(name, undefined),
    txt: async (name) => answer<string>(name, undefined),
    srv: async (name) => answer<never>(name, undefined),
    tlsa: async (name) => answer<never>(name, undefined),
    ptr: async (name) => answer<string>(name, undefined),
  };
}

/** What other servers took. */
interface Taken {
  readonly from: string;
  readonly to: string[];
  readonly content: string;
  readonly sessionId: string;
  readonly protocol: string;
}

export async function startServer(
  t: TestContext,
  handler: Partial<SmtpHandler> = {},
  options: Partial<SmtpServerOptions> = {},
) {
  const taken: Taken[] = [];
  const server = new SmtpServer({
    hostname: "mx.dest.test",
    tlsMode: "plain",
    limits: { connectionsPerAddress: 1000 },
    ...options,
    handler: {
      data(session, envelope) {
        const chunks: Uint8Array[] = [];
        return {
          write: (chunk) => void chunks.push(chunk),
          finish() {
            taken.push({
              from: envelope.reversePath?.text ?? "",
              to: envelope.recipients.map(({ text }) => text),
              content: Buffer.concat(chunks).toString("latin1"),
              sessionId: session.id,
              protocol: session.protocol,
            });
            return reply(250, "2.0.0", "Taken");
          },
          abort() {},
        };
      },
      ...handler,
    },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.close(0));
  return { server, port, taken };
}

export const zones: Record<string, Zone> = {
  "dest.test": { mx: [[10, "mx.dest.test"]] },
  "mx.dest.test": { addresses: ["127.0.0.1"] },
};

/** A queue on disk and a delivery that runs, with hosts mapped to ports of this machine. */
export async function startDelivery(
  t: TestContext,
  ports: Record<string, number>,
  options: Partial<DeliveryOptions> & { retryMs?: number; maxAgeMs?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-delivery-"));
  const spool = await Spool.open(join(folder, "spool"));
  const store = await openQueueStore(join(folder, "queue.sqlite"), spool);
  const retry = new RetrySchedule({ firstDelayMs: options.retryMs ?? 20, factor: 1, jitter: 0 }, () => 0.5);
  const queue = new Queue({
    store,
    retry,
    hostname: options.hostname ?? "mail.here.test",
    pollMs: 50,
    warnAfterMs: options.warnAfterMs ?? null,
    ...(options.maxAgeMs === undefined ? {} : { giveUpAfterMs: options.maxAgeMs }),
  });
  const events: DeliveryEvent[] = [];
  const reports: string[] = [];
  const dialled: string[] = [];
  const sockets: Socket[] = [];
  const open = { most: 0 };
  const delivery = new Delivery({
    queue,
    hostname: "mail.here.test",
    domains: [],
    routes: [],
    findMaildir: () => null,
    resolver: resolverOf(zones),
    dialer: {
      async connect({ host, port, path }) {
        dialled.push(path ?? `${host}:${port}`);
        const socket = path === undefined ? connect(ports[host] ?? 1, "127.0.0.1") : connect(path);
        sockets.push(socket);
        open.most = Math.max(open.most, sockets.filter(({ destroyed }) => !destroyed).length);
        await once(socket, "connect");
        return socket;
      },
    },
    allowPrivateAddresses: true,
    reportSigner: {
      isRole: () => false,
      sign: async (order) => {
        reports.push(order.compose("mailer-daemon@mail.here.test").toString());
        return { kind: "ready", messages: [], signedBy: null };
      },
    },
    warnAfterMs: null,
    stoppedMail: "hold",
    onEvent: (event) => events.push(event),
    newId: () => "id1",
    ...options,
    limits: { avoidMs: 0, ...options.limits },
  });
  delivery.start();
  t.after(async () => {
    await delivery.stop(0);
    await queue.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  /** Waits for that many attempts; the results of all, one line each. */
  async function attempts(count: number): Promise<string[]> {
    for (;;) {
      const done = events.filter((event) => event.kind === "attempted");
      if (done.length >= count) {
        return done.flatMap(({ results }) =>
          results.map((result) => `${result.address} ${result.kind}: ${describe(result)}`),
        );
      }
      await sleep(5);
    }
  }
  return { folder, spool, queue, delivery, events, reports, dialled, open, attempts };
}
