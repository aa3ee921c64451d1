import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import { ALPN } from "../src/key-protocol/index.ts";
import { Talker } from "../src/smtp/test-peers.ts";
import { Author, KeyList, newKey, nowSeconds } from "./support/authors.ts";
import { createAuthority } from "./support/certificates.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Attacks on where keys come from, with mail to port 25 of a real installation (docs/attacks.md). Every test has domains
// of its own, since what fails is remembered.

let site: ReceivingSite;
let allice: Author;
let domains = 0;

before(async () => {
  site = await ReceivingSite.start();
  allice = site.author("allice@someisp.test");
});
after(() => site.stop());

/** A domain nobody has heard of; its author signs with a key that only his own word speaks for. */
function someone(
  policy: string | null = null,
  address?: string,
): { domain: string; host: string; author: Author; shown: ReturnType<typeof newKey>["shown"] } {
  const domain = `d${domains++}.test`;
  const host = `mx.${domain}`;
  site.publish(domain, host, policy, address);
  const identity = `ceo@${domain}`;
  const { signing, shown } = newKey(identity);
  return { domain, host, author: new Author(identity, signing), shown };
}

/** A key server of the domain that serves this key. */
async function serve(
  who: ReturnType<typeof someone>,
  options: { readonly names?: readonly string[]; readonly at?: string } = {},
): Promise<KeyList> {
  const keys = new KeyList();
  keys.domains.add(who.domain);
  keys.set(who.author.address, who.shown);
  await site.keyServer(options.at ?? who.host, keys, { names: options.names ?? [who.host] });
  return keys;
}

const statementOf = ({ author, shown }: ReturnType<typeof someone>, state = "active"): string =>
  `v=1; i=${author.address}; k=${shown.kid}; a=ed25519-sha256; st=${state}; nb=1; na=9999999999; iat=${nowSeconds()}; ttl=600${state === "active" ? `; p=${Buffer.from(shown.spki).toString("base64")}` : ""}`;

/** Speaks the protocol, without being believed: under TLS with this certificate, and says this to KEY. */
async function impostor(place: string, cert: { cert: string; key: string }, answer: string): Promise<void> {
  const secureContext = createSecureContext(cert);
  await site.raw(place, (socket) => {
    socket.write("+OK VSMTP/1\r\n");
    socket.once("data", () => {
      socket.write("+OK begin\r\n");
      const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [ALPN] });
      tls.on("error", () => {}).once("data", () => tls.write(answer));
    });
  });
}

describe("a key server that is not the domain's", () => {
  test("the domain's own is believed", async () => {
    const who = someone();
    await serve(who);
    assert.equal((await site.send(who.author.sign())).summary, "250 pass");
  });

  test("no TLS: whatever it says in clear text proves nothing (TRU-1)", async () => {
    for (const answer of ["+OK 1\r\n", "-ERR [NOKEY] unknown\r\n", "-ERR [NOTHERE]\r\n"]) {
      const who = someone();
      await site.raw(`${who.host}:8757`, (socket) => {
        const lines = answer.startsWith("+OK") ? `${answer}${statementOf(who)}\r\n.\r\n` : answer;
        socket.write("+OK VSMTP/1\r\n");
        socket.on("data", () => void socket.write(lines));
      });
      assert.equal((await site.send(who.author.sign())).summary, "451 unavailable", answer);
    }
  });

  const others = createAuthority();
  const certificates: [what: string, issue: (host: string) => Promise<{ cert: string; key: string }>][] = [
    ["of an authority nobody knows", async (host) => (await others).issue([host])],
    ["for another name", () => site.authority.issue(["mx.evil.test"])],
    ["for a name below", (host) => site.authority.issue([`x.${host}`])],
    ["for a wildcard that does not reach", () => site.authority.issue(["*.test"])],
  ];
  for (const [what, issue] of certificates) {
    test(`a certificate ${what}: neither its keys nor its refusals count (TRU-2, TRU-11)`, async () => {
      const answers = (who: ReturnType<typeof someone>) => [
        `+OK 1\r\n${statementOf(who)}\r\n.\r\n`,
        `+OK 1\r\n${statementOf(who, "revoked")}\r\n.\r\n`,
        "-ERR [NOKEY] unknown\r\n",
        "-ERR [NOTHERE] unknown\r\n",
      ];
      for (let n = 0; n < 4; n++) {
        const who = someone();
        await impostor(`${who.host}:8757`, await issue(who.host), answers(who)[n] ?? "");
        assert.equal((await site.send(who.author.sign())).summary, "451 unavailable", `answer ${n}`);
      }
    });
  }

  test("where the domain signs its statements, a host that has a certificate makes up none (STA-13, STA-14)", async () => {
    const dk = Buffer.from(newKey("dk").shown.spki).toString("base64");
    for (const state of ["active", "revoked"]) {
      const who = someone(`dk=${dk}`);
      await impostor(
        `${who.host}:8757`,
        await site.authority.issue([who.host]),
        `+OK 1\r\n${statementOf(who, state)}; s=${"A".repeat(86)}==\r\n.\r\n`,
      );
      assert.equal((await site.send(who.author.sign())).summary, "550 bad-key");
    }
  });

  test("where the domain wants more than its host's certificate, that is not enough (TRU-8)", async () => {
    const who = someone("auth=domain");
    await serve(who);
    assert.equal((await site.send(who.author.sign())).summary, "451 unavailable");
    const good = someone("auth=domain");
    await serve(good, { names: [good.host, `keyserver.${good.domain}`] });
    assert.equal((await site.send(good.author.sign())).summary, "250 pass");
  });

  test("one key for another's, another's statement, a key whose id does not fit (STA-6, STA-7)", async () => {
    const thief = newKey("thief").shown;
    const lies: ((line: string, who: ReturnType<typeof someone>) => string)[] = [
      (line, { shown }) =>
        line.replace(Buffer.from(shown.spki).toString("base64"), Buffer.from(thief.spki).toString("base64")),
      (line, { shown }) => line.replace(shown.kid, thief.kid),
      (line, { author }) => line.replace(author.address, "allice@someisp.test"),
    ];
    for (const lie of lies) {
      const who = someone();
      await impostor(
        `${who.host}:8757`,
        await site.authority.issue([who.host]),
        `+OK 1\r\n${lie(statementOf(who), who)}\r\n.\r\n`,
      );
      assert.equal((await site.send(who.author.sign())).summary, "550 bad-key");
    }
  });
});

describe("DNS that points into our network (DIS-11, KEY-24)", () => {
  const inside = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "198.18.0.1",
  ];
  const inside6 = [
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "::",
  ];
  for (const address of [...inside, ...inside6]) {
    test(`an MX host at ${address} is not connected to`, async () => {
      const who = someone();
      site.dns.set(who.host, address.includes(":") ? { AAAA: [address] } : { A: [address] });
      const before = site.trapped;
      assert.equal((await site.send(who.author.sign())).summary, "451 unavailable");
      assert.equal(site.trapped, before);
    });
  }

  test("nor one that ks=srv, ks=sub or a redirect names", async () => {
    const before = site.trapped;
    const srv = someone("ks=srv");
    site.dns.set(`_vsmtp-key._tcp.${srv.domain}`, {
      SRV: [{ priority: 0, weight: 0, port: 22, target: "db.internal.test" }],
    });
    site.dns.set("db.internal.test", { A: ["10.0.0.1"] });
    const sub = someone("ks=sub");
    site.dns.set(`keyserver.${sub.domain}`, { A: ["169.254.169.254"] });
    const redirect = someone();
    await site.raw(`${redirect.host}:8757`, (socket) => void socket.end("-FW db.internal.test:8080\r\n"));
    const local = someone();
    await site.raw(`${local.host}:8757`, (socket) => void socket.end("-FW localhost:8758\r\n"));
    for (const who of [srv, sub, redirect, local]) {
      assert.equal((await site.send(who.author.sign())).summary, "451 unavailable");
    }
    assert.equal(site.trapped, before);
  });
});

describe("-FW", () => {
  /** Hosts that all send askers to the next one; how often they were connected to. */
  async function chain(hosts: readonly string[]): Promise<{ connections: number; octets: string }> {
    const seen = { connections: 0, octets: "" };
    for (const [index, host] of hosts.entries()) {
      site.dns.set(host, { A: ["8.8.4.9"] });
      const next = hosts[(index + 1) % hosts.length];
      await site.raw(`${host}:8757`, (socket) => {
        seen.connections++;
        socket.on("data", (octets) => {
          seen.octets += octets.toString("latin1");
        });
        socket.end(`-FW ${next}:8757\r\n`);
      });
    }
    return seen;
  }

  test("a loop ends where it closes, a chain after three hops (KEY-22)", async () => {
    for (const [hosts, most] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [12, 4],
    ] as const) {
      const who = someone();
      const seen = await chain([
        who.host,
        ...Array.from({ length: hosts - 1 }, (_, n) => `h${n}.${who.domain}`),
      ]);
      assert.equal((await site.send(who.author.sign())).summary, "451 unavailable");
      assert.equal(seen.connections, most);
      assert.equal(seen.octets, "", "nothing is sent before +OK (KEY-4)");
    }
  });

  test("not to literals, and not to ports of other services (KEY-23)", async () => {
    const before = site.trapped;
    for (const target of [
      "8.8.8.8:8757",
      "[2001:4860:4860::8888]:8757",
      "8.8.8.8.:8757",
      "134744072:8757",
      "0x08080808:8757",
      "victim.test:25",
      "victim.test:22",
      "victim.test:0",
      "victim.test:65536",
      "victim.test",
      "victim.test:8757 x",
      "_vsmtp.victim.test:8757",
    ]) {
      site.dns.set("victim.test", { A: ["8.8.8.8"] });
      const who = someone();
      await site.raw(`${who.host}:8757`, (socket) => void socket.end(`-FW ${target}\r\n`));
      assert.equal((await site.send(who.author.sign())).summary, "451 unavailable", target);
    }
    assert.equal(site.trapped, before);
  });

  test("a thousand redirects do not make us a crowd: a victim is connected to once and then left alone (KEY-25, CCH-4)", async () => {
    let connections = 0;
    let octets = "";
    site.dns.set("victim.test", { A: ["8.8.8.8"] });
    const serveVictim = (socket: Socket): void => {
      connections++;
      socket.on("data", (some) => {
        octets += some.toString("latin1");
      });
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    await site.raw("victim.test:443", serveVictim);
    const talker = await Talker.hello(site.port);
    for (let n = 0; n < 20; n++) {
      const who = someone();
      const hosts = [1, 2, 3, 4, 5].map((index) => `mx${index}.${who.domain}`);
      site.dns.set(who.domain, { MX: hosts.map((host) => [10, host] as const) });
      for (const host of hosts) {
        site.dns.set(host, { A: ["8.8.4.4"] });
        await site.raw(`${host}:8757`, (socket) => void socket.end("-FW victim.test:443\r\n"));
      }
      assert.equal((await site.sendBy(talker, who.author.sign())).summary, "451 unavailable");
    }
    talker.destroy();
    assert.equal(connections, 1);
    assert.equal(octets, "");
  });

  test("in clear text it lends no name: who is sent to has to prove the first one (KEY-26)", async () => {
    const who = someone();
    site.dns.set("keys.evil.test", { A: ["8.8.4.8"] });
    await serve(who, { at: "keys.evil.test", names: ["keys.evil.test"] });
    await site.raw(`${who.host}:8757`, (socket) => void socket.end("-FW keys.evil.test:8757\r\n"));
    assert.equal((await site.send(who.author.sign())).summary, "451 unavailable");
    const good = someone();
    site.dns.set("keys.good.test", { A: ["8.8.4.8"] });
    await serve(good, { at: "keys.good.test", names: [good.host] });
    await site.raw(`${good.host}:8757`, (socket) => void socket.end("-FW keys.good.test:8757\r\n"));
    assert.equal((await site.send(good.author.sign())).summary, "250 pass");
  });
});

describe("a flood of forgeries", () => {
  test("2000 messages of one domain: at most 60 lookups, none is accepted, and who is known still passes (CCH-6)", async () => {
    assert.equal((await site.send(allice.sign())).summary, "250 pass");
    const asked = site.keys.asked.length;
    const { signing } = newKey("nobody");
    const seen = new Map<string, number>();
    const flood = async (from: number, count: number): Promise<void> => {
      const talker = await Talker.hello(site.port);
      for (let n = from; n < from + count; n++) {
        const forged = new Author(`user${n}@someisp.test`, {
          ...signing,
          kid: `${String(n).padStart(21, "k")}A`,
        });
        talker.send("MAIL FROM:<x@evil.test>\r\nRCPT TO:<bob@dest.test>\r\nDATA\r\n");
        await talker.replies(3);
        talker.send(`${forged.sign().toString("latin1")}.\r\n`);
        const code = (await talker.reply()).slice(0, 3);
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
      talker.destroy();
    };
    await Promise.all([flood(0, 500), flood(500, 500), flood(1000, 500), flood(1500, 500)]);
    assert.ok(site.keys.asked.length - asked <= 60, `${site.keys.asked.length - asked} lookups`);
    assert.equal((seen.get("550") ?? 0) + (seen.get("451") ?? 0), 2000);
    assert.equal((await site.send(allice.sign())).summary, "250 pass");
  });

  test("forgeries that do not even hash cost the domain nothing (VER-4)", async () => {
    const asked = site.keys.asked.length;
    for (let n = 0; n < 30; n++) {
      const text = allice.sign().toString("latin1").replace("Noon", `N${n}`);
      assert.equal((await site.send(text)).summary, "550 body");
    }
    assert.equal(site.keys.asked.length, asked);
  });
});
