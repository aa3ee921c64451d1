import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { NameRecords } from "../dns/index.ts";
import type { SmtpServerOptions } from "../smtp/index.ts";
import { type LabCertificate, makeCertificate, openLab, startPolicyHost, tlsa, tlsOf } from "./test-lab.ts";
import { startServer } from "./test-network.ts";

const authority = await makeCertificate(["Authority"], null, { authority: true });
const good = await makeCertificate(["mx.dest.test"], authority);
const ended = await makeCertificate(["mx.dest.test"], authority, { ended: true });
const alone = await makeCertificate(["mx.dest.test"]);
const elsewhere = await makeCertificate(["elsewhere.test"], authority);
const byDomain = await makeCertificate(["dest.test"], authority);
const policyHost = await makeCertificate(["mta-sts.dest.test"], authority);

/** Delivers to nobody but says that it does not know TLS, or breaks it. */
async function startBrokenTls(t: TestContext): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {}).write("220 x\r\n");
    let clear = true;
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (!clear) return void socket.destroy();
      if (text.startsWith("EHLO")) socket.write("250-x\r\n250 STARTTLS\r\n");
      else if (text.startsWith("STARTTLS")) {
        clear = false;
        socket.write("220 go\r\n");
      } else socket.write(text.startsWith("DATA") ? "354 go\r\n" : "250 ok\r\n");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

/** A domain with one mail host. */
async function openDomain(
  t: TestContext,
  certificate: LabCertificate | "none" | "broken",
  records: {
    readonly tlsa?: NameRecords["TLSA"];
    /** Which names DNSSEC covers; all of test. unless given. */
    readonly signed?: readonly string[];
    readonly policy?: string;
  } = {},
  options: Partial<SmtpServerOptions> = {},
  chain: readonly LabCertificate[] = [],
) {
  const lab = await openLab(t, { authority });
  const port =
    certificate === "broken"
      ? await startBrokenTls(t)
      : (
          await startServer(
            t,
            {},
            { ...(certificate === "none" ? {} : tlsOf(certificate, chain)), ...options },
          )
        ).port;
  lab.places["mx.dest.test:25"] = port;
  lab.dns.set("dest.test", { MX: [[10, "mx.dest.test"]] });
  lab.dns.set("mx.dest.test", { A: ["127.0.0.1"] });
  if (records.tlsa) lab.dns.set("_25._tcp.mx.dest.test", { TLSA: records.tlsa });
  lab.dns.authenticate(records.signed ?? ["test"]);
  if (records.policy !== undefined) {
    const { policy } = records;
    lab.dns.set("_mta-sts.dest.test", { TXT: ["v=STSv1; id=1"] });
    lab.dns.set("mta-sts.dest.test", { A: ["127.0.0.1"] });
    lab.places["mta-sts.dest.test:443"] = await startPolicyHost(t, policyHost, (_, response) => {
      response.setHeader("content-type", "text/plain").end(policy);
    });
  }
  return lab;
}

const policyOf = (mode: string, mx = "mx.dest.test") =>
  `version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: 86400\n`;

test("without a policy TLS is taken where it works, whoever is there (RFC 7435)", async (t) => {
  for (const [certificate, fact] of [
    [good, "encrypted"],
    [alone, "encrypted"],
    [ended, "encrypted"],
    ["none", "none"],
    ["broken", "none"],
  ] as const) {
    const lab = await openDomain(t, certificate);
    assert.match(await lab.send(), new RegExp(`^delivered ${fact}: `));
    assert.equal(lab.dialled.length, certificate === "broken" ? 2 : 1);
  }
});

test("DANE: records of usage 3 and 2 authenticate, and nothing goes to whom they do not (RFC 7672)", async (t) => {
  const cases: [
    label: string,
    certificate: LabCertificate | "none" | "broken",
    records: NameRecords["TLSA"],
    expected: RegExp,
    chain?: readonly LabCertificate[],
  ][] = [
    ["EE, key", alone, [tlsa(3, 1, alone)], /^delivered dane: /],
    ["EE, certificate", alone, [tlsa(3, 0, alone)], /^delivered dane: /],
    ["EE, ended and for another name", ended, [tlsa(3, 1, ended)], /^delivered dane: /],
    ["EE, one of two", alone, [tlsa(3, 1, good), tlsa(3, 1, alone)], /^delivered dane: /],
    [
      "EE, another",
      good,
      [tlsa(3, 1, alone)],
      /^deferred -: 4\.7\.5 the certificate is none of those in the TLSA/,
    ],
    ["TA", good, [tlsa(2, 0, authority)], /^delivered dane: /, [authority]],
    ["TA, for the domain", byDomain, [tlsa(2, 1, authority)], /^delivered dane: /, [authority]],
    ["TA, ended", ended, [tlsa(2, 0, authority)], /^deferred -: 4\.7\.5 no chain/, [authority]],
    [
      "TA, another name",
      elsewhere,
      [tlsa(2, 0, authority)],
      /^deferred -: 4\.7\.5 .* for none of/,
      [authority],
    ],
    ["TA, another authority", alone, [tlsa(2, 0, authority)], /^deferred -: 4\.7\.5 no chain/],
    ["no TLS", "none", [tlsa(3, 1, alone)], /^deferred -: 4\.7\.4 TLS is required but not offered/],
    ["broken TLS", "broken", [tlsa(3, 1, alone)], /^deferred -: 4\.4\.2 /],
    ["unusable", alone, [tlsa(1, 1, good)], /^delivered encrypted: /],
    ["unusable, no TLS", "none", [tlsa(1, 1, good)], /^deferred -: 4\.7\.4 /],
    ["unusable, broken TLS", "broken", [tlsa(0, 0, good)], /^deferred -: 4\.4\.2 /],
  ];
  for (const [label, certificate, records, expected, chain] of cases) {
    const lab = await openDomain(t, certificate, { tlsa: records ?? [] }, {}, chain);
    assert.match(await lab.send(), expected, label);
  }
});

test("DANE: only where MX, address and TLSA are all vouched for; a lookup that fails is no absence (RFC 7672 §2)", async (t) => {
  // The record is of another certificate: where it counted, nothing would be delivered.
  const records = [tlsa(3, 1, good)];
  const all = ["dest.test", "mx.dest.test", "_25._tcp.mx.dest.test"];
  for (const [signed, expected] of [
    [[], /^delivered encrypted/],
    [["mx.dest.test"], /^delivered encrypted/],
    [all, /^deferred -: 4\.7\.5/],
  ] as const) {
    const lab = await openDomain(t, alone, { tlsa: records, signed });
    assert.match(await lab.send(), expected, signed.join());
  }
  const lab = await openDomain(t, alone, { tlsa: records });
  lab.dns.fail("_25._tcp.mx.dest.test", "SERVFAIL");
  assert.match(await lab.send(), /^deferred -: 4\.4\.3 the TLSA records of mx\.dest\.test: .*SERVFAIL/);
  assert.deepEqual(lab.dialled, []);
  // Another host of the domain may do: it is less preferred, and what is known of it can be believed.
  lab.dns.set("dest.test", {
    MX: [
      [10, "mx.dest.test"],
      [20, "mx2.dest.test"],
    ],
  });
  lab.dns.set("mx2.dest.test", { A: ["127.0.0.1"] });
  lab.dns.set("_25._tcp.mx2.dest.test", { TLSA: [tlsa(3, 1, alone)] });
  lab.places["mx2.dest.test:25"] = lab.places["mx.dest.test:25"] as number;
  assert.match(await lab.send(), /^delivered dane: mx2\.dest\.test/);
  assert.deepEqual(lab.dialled, ["mx2.dest.test:25"]);
});

test("DANE: no MX, and hosts that are aliases (RFC 7672 §2.2)", async (t) => {
  const lab = await openDomain(t, alone);
  lab.dns.set("itself.test", { A: ["127.0.0.1"] });
  lab.places["itself.test:25"] = lab.places["mx.dest.test:25"] as number;
  const to = (destination: string) => lab.send({ destination });
  assert.match(await to("itself.test"), /^delivered encrypted/);
  lab.dns.set("_25._tcp.itself.test", { TLSA: [tlsa(3, 1, alone)] });
  assert.match(await to("itself.test"), /^delivered dane/);
  lab.dns.set("alias.test", { MX: [[10, "www.alias.test"]] });
  lab.dns.set("www.alias.test", { CNAME: "mx.dest.test" });
  lab.places["www.alias.test:25"] = lab.places["mx.dest.test:25"] as number;
  lab.dns.set("_25._tcp.mx.dest.test", { TLSA: [tlsa(3, 1, good)] });
  assert.match(await to("alias.test"), /^deferred -: 4\.7\.5/);
  lab.dns.set("_25._tcp.mx.dest.test", { TLSA: [tlsa(3, 1, alone)] });
  assert.match(await to("alias.test"), /^delivered dane/);
});

test("MTA-STS: hosts that the policy names, with certificates that are valid for them (RFC 8461)", async (t) => {
  const unsigned = { signed: [] };
  const cases: [
    label: string,
    certificate: LabCertificate | "none" | "broken",
    policy: string,
    expected: RegExp,
  ][] = [
    ["enforce", good, policyOf("enforce"), /^delivered mta-sts: /],
    ["enforce, by wildcard", good, policyOf("enforce", "*.dest.test"), /^delivered mta-sts: /],
    ["enforce, unknown authority", alone, policyOf("enforce"), /^deferred -: 4\.7\.5 .*not trusted/],
    ["enforce, another name", elsewhere, policyOf("enforce"), /^deferred -: 4\.7\.5 .*altnames/],
    ["enforce, ended", ended, policyOf("enforce"), /^deferred -: 4\.7\.5 .*EXPIRED/],
    ["enforce, no TLS", "none", policyOf("enforce"), /^deferred -: 4\.7\.4 /],
    ["enforce, broken TLS", "broken", policyOf("enforce"), /^deferred -: 4\.4\.2 /],
    [
      "enforce, another host",
      good,
      policyOf("enforce", "mx2.dest.test"),
      /^deferred -: 4\.7\.5 the MTA-STS policy of dest\.test does not name mx\.dest\.test/,
    ],
    ["testing", alone, policyOf("testing", "mx2.dest.test"), /^delivered encrypted: /],
    ["testing, no TLS", "none", policyOf("testing"), /^delivered none: /],
    ["none", alone, policyOf("none"), /^delivered encrypted: /],
    ["not a policy", alone, "enforce", /^delivered encrypted: /],
  ];
  for (const [label, certificate, policy, expected] of cases) {
    const lab = await openDomain(t, certificate, { ...unsigned, policy });
    assert.match(await lab.send(), expected, label);
  }
});

test("MTA-STS: a policy that is known holds when nobody can be asked; DANE outweighs it (RFC 8461 §2, §5.1)", async (t) => {
  const lab = await openDomain(t, good, { signed: [], policy: policyOf("enforce") });
  assert.match(await lab.send(), /^delivered mta-sts/);
  lab.dns.fail("_mta-sts.dest.test", "SERVFAIL");
  assert.match(await lab.send(), /^delivered mta-sts/);
  lab.dns.set("dest.test", { MX: [[10, "mx3.dest.test"]] });
  lab.dns.set("mx3.dest.test", { A: ["127.0.0.1"] });
  assert.match(await lab.send(), /^deferred -: 4\.7\.5 the MTA-STS policy/);

  const both = { policy: policyOf("enforce", "mx2.dest.test"), tlsa: [tlsa(3, 1, alone)] };
  assert.match(await (await openDomain(t, alone, both)).send(), /^delivered dane/);
  const failing = { policy: policyOf("enforce"), tlsa: [tlsa(3, 1, alone)] };
  assert.match(await (await openDomain(t, good, failing)).send(), /^deferred -: 4\.7\.5 .*TLSA/);
  // Records that cannot be used leave the question to the policy.
  const unusable = { policy: policyOf("enforce"), tlsa: [tlsa(1, 1, alone)] };
  assert.match(await (await openDomain(t, good, unusable)).send(), /^delivered mta-sts/);
  assert.match(await (await openDomain(t, alone, unusable)).send(), /^deferred -: 4\.7\.5/);
});

test("REQUIRETLS: to verified hosts that offer it, under TLS that proves them, else it fails (RFC 8689 §4.2.1)", async (t) => {
  const wish = { requireTls: true };
  const cases: [label: string, lab: Awaited<ReturnType<typeof openDomain>>, expected: RegExp][] = [
    ["DANE", await openDomain(t, alone, { tlsa: [tlsa(3, 1, alone)] }), /^delivered dane/],
    ["MTA-STS", await openDomain(t, good, { signed: [], policy: policyOf("enforce") }), /^delivered mta-sts/],
    ["DNSSEC alone", await openDomain(t, good), /^delivered webpki/],
    ["DNSSEC, certificate of nobody", await openDomain(t, alone), /^deferred -: 4\.7\.5/],
    ["nothing", await openDomain(t, good, { signed: [] }), /^failed -: 5\.7\.30 REQUIRETLS: neither/],
    ["no TLS", await openDomain(t, "none"), /^deferred -: 4\.7\.4/],
    [
      "not offered",
      await openDomain(t, good, {}, { withheld: ["REQUIRETLS"] }),
      /^failed webpki: 5\.7\.30 the server does not offer REQUIRETLS/,
    ],
  ];
  for (const [label, lab, expected] of cases) assert.match(await lab.send(wish), expected, label);
  // Another host of the domain may offer it.
  const lab = await openDomain(t, good, {}, { withheld: ["REQUIRETLS"] });
  const second = await startServer(t, {}, tlsOf(await makeCertificate(["mx2.dest.test"], authority)));
  lab.dns.set("dest.test", {
    MX: [
      [10, "mx.dest.test"],
      [20, "mx2.dest.test"],
    ],
  });
  lab.dns.set("mx2.dest.test", { A: ["127.0.0.1"] });
  lab.places["mx2.dest.test:25"] = second.port;
  assert.match(await lab.send(wish), /^delivered webpki: mx2\.dest\.test/);
  assert.equal(second.taken.length, 1);
  // Others' mail still goes to the first.
  assert.match(await lab.send(), /^delivered encrypted: mx\.dest\.test/);
});

test("connections are kept apart by what was demanded of them", async (t) => {
  const lab = await openDomain(t, good);
  assert.match(await lab.send(), /^delivered encrypted/);
  assert.match(await lab.send({ requireTls: true }), /^delivered webpki/);
  assert.match(await lab.send(), /^delivered encrypted/);
  assert.match(await lab.send({ requireTls: true }), /^delivered webpki/);
  assert.equal(lab.dialled.length, 2);
});
