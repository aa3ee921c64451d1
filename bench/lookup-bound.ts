// How many lookups a large mailing costs the sender's key server (SPEC §10.3): two million messages of one identity within
// an hour to a thousand receiving systems; and forgeries in its name, ten times as many to each of some. The receivers'
// caches and budgets are the real ones, the key server too; only the clock, the DNS and the messages are made up.
import { generateKeyPairSync } from "node:crypto";
import { connect } from "node:net";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import { CachingResolver, type Resolver } from "../src/dns/index.ts";
import { KeyLookup } from "../src/key-lookup/index.ts";
import type { Dialer } from "../src/key-protocol/index.ts";
import { KeyServer } from "../src/key-server/index.ts";
import type { Address } from "../src/message/index.ts";
import { keyId } from "../src/signature/index.ts";
import { printTable } from "./harness.ts";

const HOUR_S = 3600;
const STEP_S = 300;
const TTL_S = 600;
const START_S = 1_800_000_000;

const identity: Address = { localPart: "news", domain: "someisp.tld" };
const HOST = "mx.someisp.tld";
const spki = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" });
const kid = keyId(spki);

let nowMs = START_S * 1000;
let dnsQuestions = 0;
let asked = 0;

const { cert, private: key } = await generate([{ name: "commonName", value: HOST }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: HOST }] }],
});
const serverContext = createSecureContext({ cert, key });
const clientContext = createSecureContext({ ca: cert });
const server = new KeyServer({
  directory: {
    changeCount: () => 0,
    changedSince: () => new Set(),
    domain: async () => ({ epoch: null, statementKey: null }),
    keys: async ({ localPart }) =>
      localPart === identity.localPart
        ? [
            {
              owner: "news",
              kid,
              algorithm: "ed25519-sha256",
              state: "active",
              spki,
              notBefore: START_S - 86_400,
              notAfter: START_S + 86_400,
              grants: [],
            },
          ]
        : [],
  },
  secureContext: () => serverContext,
  exposure: "kid",
  ttlSeconds: TTL_S,
  veilMs: 0,
  nowMs: () => nowMs,
  limits: {
    connections: 10_000,
    connectionsPerPrefix: 10_000,
    costPerMinute: Number.POSITIVE_INFINITY,
    idleMs: HOUR_S * 1000,
  },
});
const { port } = await server.listen(0, "127.0.0.1");

const nothing = async () => ({ kind: "nodata", authenticated: false, ttlSeconds: 300 }) as const;
/** The sender's DNS, as every receiver's resolver sees it. */
const world: Resolver = {
  addresses: async () => records(["127.0.0.1"]),
  mx: async () => records([{ preference: 10, exchange: HOST }]),
  txt: async () => records(["v=VSMTP1; p=reject"]),
  srv: nothing,
  tlsa: nothing,
  a: nothing,
  aaaa: nothing,
  ptr: nothing,
};

function records<T>(list: readonly T[]) {
  dnsQuestions++;
  return { kind: "records" as const, records: list, authenticated: false, ttlSeconds: 300 };
}

/** Counts the requests that go out; one connection for all that a receiver asks. */
const dialer: Dialer = {
  connect: () =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(socket)).once("error", reject);
    }),
};

interface Bout {
  readonly title: string;
  readonly receivers: number;
  readonly messages: number;
  /** Receives the number of the message. */
  readonly ask: (lookup: KeyLookup, now: number, message: number) => Promise<string>;
  /** Most lookups that §10.3 and CCH-6 allow in all, after so many seconds. */
  readonly bound: (seconds: number) => number;
}

const genuine: Bout = {
  title: "genuine messages",
  receivers: 1000,
  messages: 2_000_000,
  ask: async (lookup, now) => {
    const question = { identity, kid, algorithm: "ed25519-sha256", signedAt: now, now } as const;
    const { answer, trail } = await lookup.explain(question);
    asked += trail.filter((step) => step.kind === "line" && /^KEY /.test(step.text)).length;
    return answer.kind;
  },
  bound: (seconds) => genuine.receivers * Math.ceil(seconds / TTL_S),
};

const forged: Bout = {
  title: "forgeries",
  receivers: 10,
  messages: 200_000,
  ask: async (lookup, now, message) => {
    const random = Buffer.alloc(16);
    random.writeUInt32BE(message);
    const question = {
      identity,
      kid: random.toString("base64url"),
      algorithm: "ed25519-sha256",
      signedAt: now,
      now,
    } as const;
    const { answer, trail } = await lookup.explain(question);
    asked += trail.filter((step) => step.kind === "line" && /^KEY /.test(step.text)).length;
    return answer.kind === "fail" ? answer.reason : answer.kind;
  },
  bound: (seconds) => forged.receivers * 60 * Math.ceil(seconds / 60),
};

for (const bout of [genuine, forged]) await run(bout);
await server.close(0);

async function run({ title, receivers, messages, ask, bound }: Bout): Promise<void> {
  nowMs = START_S * 1000;
  dnsQuestions = 0;
  asked = 0;
  const lookups = Array.from({ length: receivers }, () => {
    const resolver = new CachingResolver(world, { nowMs: () => nowMs });
    return new KeyLookup({
      resolver,
      dialer,
      secureContext: clientContext,
      allowPrivateAddresses: true,
      nowMs: () => nowMs,
    });
  });
  const answers: Record<string, number> = {};
  const rows: string[][] = [];
  let before = 0;
  const started = performance.now();
  for (let seconds = 0, message = 0; seconds < HOUR_S; seconds++) {
    nowMs = (START_S + seconds) * 1000;
    const until = Math.floor((messages * (seconds + 1)) / HOUR_S);
    // In one second each receiver gets its messages one after the other, all receivers at a time.
    const queues = new Map<KeyLookup, number[]>();
    for (; message < until; message++) {
      // Where it goes is as good as random, and the same at every run.
      const lookup = lookups[(message * 7919) % receivers] as KeyLookup;
      const queue = queues.get(lookup);
      if (queue) queue.push(message);
      else queues.set(lookup, [message]);
    }
    await Promise.all(
      [...queues].map(async ([lookup, queue]) => {
        for (const one of queue) {
          const answer = await ask(lookup, START_S + seconds, one);
          answers[answer] = (answers[answer] ?? 0) + 1;
        }
      }),
    );
    if ((seconds + 1) % STEP_S !== 0) continue;
    rows.push([
      `${(seconds + 1) / 60} min`,
      until.toLocaleString("en-US"),
      asked.toLocaleString("en-US"),
      ((asked - before) / STEP_S).toFixed(1),
      bound(seconds + 1).toLocaleString("en-US"),
      dnsQuestions.toLocaleString("en-US"),
      bar(asked, bound(HOUR_S)),
    ]);
    before = asked;
    if (asked > bound(seconds + 1)) process.exitCode = 1;
  }
  for (const lookup of lookups) lookup.close();
  printTable(
    `${messages.toLocaleString("en-US")} ${title} of one identity, ${receivers} receiving systems, ttl ${TTL_S}`,
    ["after", "messages", "lookups", "a second", "bound", "DNS questions", "lookups of the hour's bound"],
    rows,
  );
  console.log(`answers: ${JSON.stringify(answers)}; ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

function bar(value: number, most: number): string {
  return "█".repeat(Math.round((value / most) * 40)).padEnd(40, "·");
}
