import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls, createSecureContext, type TLSSocket } from "node:tls";
import { decoyKey } from "../src/key-protocol/index.ts";
import { auditKeyOf, Keyring, MasterKey, PublicKeyView } from "../src/keyring/index.ts";
import { openKeyringStore } from "../src/store/index.ts";
import { createAuthority } from "./support/certificates.ts";
import type { TimingServerOptions } from "./support/timing-server.ts";
import { compare, differ } from "./support/two-samples.ts";

// KEY-36: with a key id, an unknown account and an unknown key look the same and take the same time; KEY-34: so do a
// decoy and a real key. Measured from outside, over TLS, in random order, as somebody does who wants to know.

const PAIRS = 700;
const secret = randomBytes(32);
const folder = mkdtempSync(join(tmpdir(), "vsmtp-timing-"));
/** Key ids of the accounts a0, a1, …; nobody has the addresses n0, n1, … */
const kids: string[] = [];
let options: TimingServerOptions;
const ends: (() => void)[] = [];

before(async () => {
  const storeFile = join(folder, "keyring.sqlite");
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({ location: storeFile, auditKey: auditKeyOf(masterKey) });
  const keyring = await Keyring.open({ store, masterKey });
  assert.ok((await keyring.addDomain("someisp.test", { signStatements: true })).ok);
  const accounts = Array.from({ length: PAIRS }, (_, n) => ({ address: `a${n}@someisp.test` }));
  assert.deepEqual(await keyring.addAccounts(accounts), { added: PAIRS, refused: 0 });
  const view = new PublicKeyView(store);
  for (let n = 0; n < PAIRS; n++) {
    const [key] = await view.keys({ localPart: `a${n}`, domain: "someisp.test" }, 0);
    kids.push(key?.kid ?? assert.fail());
  }
  const statementKey = (await keyring.statementKey("someisp.test"))?.privateKey ?? assert.fail();
  options = {
    storeFile,
    certificate: await (await createAuthority()).issue(["mx.someisp.test"]),
    decoySecret: secret.toString("hex"),
    statementKey: statementKey.export({ format: "pem", type: "pkcs8" }).toString(),
    veilMs: null,
    plantedMicroseconds: 0,
  };
  await store.close();
});
after(() => {
  for (const end of ends) end();
  rmSync(folder, { recursive: true });
});

const randomKid = (): string => randomBytes(16).toString("base64url");
const unknownKey = (n: number): string => `KEY a${n}@someisp.test ${randomKid()}`;
const unknownAccount = (n: number): string => `KEY n${n}@someisp.test ${randomKid()}`;
const realByKid = (n: number): string => `KEY a${n}@someisp.test ${kids[n]}`;
const decoyByKid = (n: number): string => {
  const decoy = decoyKey(secret, { localPart: `n${n}`, domain: "someisp.test" }, Date.now() / 1000);
  return `KEY n${n}@someisp.test ${decoy.kid}`;
};
type Question = (n: number) => string;

describe("what a question tells, and how long its answer takes (KEY-34, KEY-36)", () => {
  const cases: readonly [string, Question, Question][] = [
    ["an unknown account and an unknown key", unknownAccount, unknownKey],
    [
      "a decoy and a real key, the bare form",
      (n) => `KEY n${n}@someisp.test`,
      (n) => `KEY a${n}@someisp.test`,
    ],
    ["a decoy and a real key, by key id", decoyByKid, realByKid],
  ];
  test("is the same for those who have an account and those who have none", async (t) => {
    const port = await serve({});
    // At the same time: what one causes the other to wait is noise for both.
    const results = await Promise.all(
      cases.map(async ([name, one, other]) => {
        const first = await race(port, one, other);
        const second = await race(port, one, other);
        return { name, first, second };
      }),
    );
    for (const { name, first, second } of results) {
      assert.deepEqual(shapes(first.replies.one), shapes(first.replies.other), name);
      for (const [time, asked] of [
        ["asked first", first],
        ["asked again", second],
      ] as const) {
        const found = compare(asked.times.one, asked.times.other);
        t.diagnostic(
          `${name}, ${time}: shift ${found.shift.toFixed(1)}, distance ${found.distance.toFixed(2)}`,
        );
        assert.ok(!differ(found), `${name}, ${time}: ${JSON.stringify(found)}`);
      }
    }
  });

  test("a planted difference of 100 µs is seen where there is no veil, and not behind it", async (t) => {
    const bare = await serve({ veilMs: 0, plantedMicroseconds: 100 });
    let times: Samples = { one: [], other: [] };
    // On a busy machine it takes more questions; in the end it is seen.
    for (let round = 0; round < 20 && !differ(compare(times.one, times.other)); round++) {
      const more = (await race(bare, unknownAccount, unknownKey)).times;
      times = { one: [...times.one, ...more.one], other: [...times.other, ...more.other] };
    }
    const seen = compare(times.one, times.other);
    t.diagnostic(`after ${times.one.length} of each: shift ${seen.shift.toFixed(1)}`);
    assert.ok(differ(seen) && seen.shift < 0, JSON.stringify(seen));
    const veiled = await serve({ plantedMicroseconds: 100 });
    const hidden = compare(...both((await race(veiled, unknownAccount, unknownKey)).times));
    t.diagnostic(`behind the veil: shift ${hidden.shift.toFixed(1)}, distance ${hidden.distance.toFixed(2)}`);
    assert.ok(!differ(hidden), JSON.stringify(hidden));
  });
});

interface Samples {
  readonly one: number[];
  readonly other: number[];
}

function both({ one, other }: Samples): [number[], number[]] {
  return [one, other];
}

/** Asks both for each address, in random order, and takes the time of each answer in milliseconds. */
async function race(
  port: number,
  one: Question,
  other: Question,
): Promise<{ times: Samples; replies: { one: string[]; other: string[] } }> {
  const times: Samples = { one: [], other: [] };
  const replies = { one: [] as string[], other: [] as string[] };
  // Made before: what it takes to make one would be seen in how fast the answer is taken up.
  const lines = {
    one: Array.from({ length: PAIRS }, (_, n) => one(n)),
    other: Array.from({ length: PAIRS }, (_, n) => other(n)),
  };
  let socket: TLSSocket | null = null;
  for (let n = 0; n < PAIRS; n++) {
    if (n % 400 === 0) {
      socket?.destroy();
      socket = await secureConnection(port);
    }
    const order = Math.random() < 0.5 ? (["one", "other"] as const) : (["other", "one"] as const);
    for (const which of order) {
      const line = lines[which][n] ?? assert.fail();
      const start = performance.now();
      replies[which].push(await ask(socket as TLSSocket, line));
      times[which].push(performance.now() - start);
    }
  }
  socket?.destroy();
  return { times, replies };
}

function ask(socket: TLSSocket, line: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let reply = "";
  const read = (octets: Buffer): void => {
    reply += octets.toString("latin1");
    if (!/^-ERR .*\r\n$|\r\n\.\r\n$/.test(reply)) return;
    socket.off("data", read);
    resolve(reply);
  };
  socket.on("data", read);
  socket.write(`${line}\r\n`);
  return promise;
}

/** The replies with what is each one's own left out: only how they are made is left. */
function shapes(replies: readonly string[]): string[] {
  const shape = (reply: string): string =>
    reply
      .replace(/i=\w+@/g, "i=@")
      .replace(/nb=\d{10}/g, "nb=#")
      .replace(/iat=\d{10}/g, "iat=#")
      .replace(/k=[\w-]{22};/g, "k=#;")
      .replace(/p=MCowBQYDK2VwAyEA[\w+/]{43}=/g, "p=#")
      .replace(/s=[\w+/]{86}==/g, "s=#");
  return [...new Set(replies.map(shape))].sort();
}

async function serve(changes: Partial<TimingServerOptions>): Promise<number> {
  const file = join(import.meta.dirname, "support/timing-server.ts");
  const child = fork(file, [JSON.stringify({ ...options, ...changes })]);
  ends.push(() => child.disconnect());
  const [port] = await once(child, "message");
  return port;
}

async function secureConnection(port: number): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "data");
  socket.write("STLS\r\n");
  await once(socket, "data");
  const secureContext = createSecureContext();
  const ALPNProtocols = ["vsmtp-key"];
  const secure = connectTls({ socket, secureContext, rejectUnauthorized: false, ALPNProtocols });
  await once(secure, "secureConnect");
  return secure;
}
