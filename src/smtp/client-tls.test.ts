import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { PeerCertificates } from "./index.ts";
import { certificate, startServer } from "./test-peers.ts";
import { answers, failure, message, open, opened, scripted } from "./test-scripts.ts";

test("TLS: opportunistic without a check, required and implicit with one (RFC 3207, RFC 7435, RFC 8314)", async (t) => {
  const starttls = await startServer();
  const implicit = await startServer({ tlsMode: "implicit" });
  const plain = await startServer({ tlsMode: "plain" });
  t.after(() => Promise.all([starttls, implicit, plain].map(({ server }) => server.close(0))));
  for (const [port, tls] of [
    [starttls.port, { mode: "opportunistic" }],
    [starttls.port, { mode: "required", name: "mx.test", ca: certificate }],
    [implicit.port, { mode: "implicit", name: "mx.test", ca: certificate }],
    [plain.port, { mode: "opportunistic" }],
  ] as const) {
    const client = await opened(port, { tls });
    assert.equal((await client.send(message))[0]?.status, "delivered");
    client.close();
  }
  const kept = [...starttls.messages, ...implicit.messages, ...plain.messages].map(
    ({ protocol }) => protocol,
  );
  assert.deepEqual(kept, ["ESMTPS", "ESMTPS", "ESMTPS", "ESMTP"]);
  assert.match(
    await failure(starttls.port, { tls: { mode: "required", name: "mx.test" } }),
    /^deferred at starttls: null 4\.7\.5 the certificate is not trusted: DEPTH_ZERO_SELF_SIGNED/,
  );
  assert.match(
    await failure(starttls.port, { tls: { mode: "required", name: "other.test", ca: certificate } }),
    /^deferred at starttls: null 4\.7\.5 .*other\.test/,
  );
  assert.equal(
    await failure(plain.port, { tls: { mode: "required", name: "mx.test" } }),
    "deferred at starttls: null 4.7.4 TLS is required but not offered",
  );
});

test("TLS judged by the caller, and what was agreed on (RFC 7672, RFC 8461)", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const seen: PeerCertificates[] = [];
  const judged = (name: string, verdict: string | null, ca?: string) => ({
    mode: "judged" as const,
    name,
    accept(certificates: PeerCertificates) {
      seen.push(certificates);
      return verdict;
    },
    ...(ca === undefined ? {} : { ca }),
  });
  const trusting = await opened(port, { tls: judged("mx.test", null) });
  assert.deepEqual(trusting.tls, {
    version: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    authenticated: true,
  });
  trusting.close();
  assert.equal(
    await failure(port, { tls: judged("other.test", "no TLSA record matches", certificate) }),
    "deferred at starttls: null 4.7.5 no TLSA record matches",
  );
  (await opened(port, { tls: judged("mx.test", null, certificate) })).close();
  const own = new X509Certificate(certificate).raw;
  assert.deepEqual(
    seen.map(({ chain }) => chain.map((one) => Buffer.compare(one, own))),
    [[0], [0], [0]],
    "self-signed: itself alone",
  );
  assert.match(seen[0]?.webPkiProblem ?? "", /SELF_SIGNED/);
  assert.match(seen[1]?.webPkiProblem ?? "", /other\.test/);
  assert.equal(seen[2]?.webPkiProblem, null);
  const unchecked = await opened(port, { tls: { mode: "opportunistic" } });
  assert.equal(unchecked.tls?.authenticated, false);
  unchecked.close();
  const clear = await opened(port);
  assert.equal(clear.tls, null);
  clear.close();
  const broken = open(port, {
    tls: {
      mode: "judged",
      name: "mx.test",
      accept: () => {
        throw new Error("a bug of the judge");
      },
    },
  });
  await assert.rejects(broken, /a bug of the judge/);
  assert.equal(messages.length, 0);
});

test("AUTH PLAIN or LOGIN inside TLS only; a wrong password is no sender's fault (RFC 4616)", async (t) => {
  const { server, port, messages } = await startServer({ requireAuth: true });
  t.after(() => server.close(0));
  const lines: string[] = [];
  const tls = { mode: "required", name: "mx.test", ca: certificate } as const;
  const client = await opened(port, {
    tls,
    credentials: { user: "u", password: "secret" },
    transcript: (line) => lines.push(line),
  });
  assert.equal((await client.send(message))[0]?.status, "delivered");
  client.close();
  assert.equal(messages[0]?.protocol, "ESMTPSA");
  assert.ok(lines.includes("C: AUTH PLAIN (credentials)"));
  assert.match(
    await failure(port, { tls, credentials: { user: "u", password: "no" } }),
    /^deferred at auth: 535 4\.7\.8 Authentication failed/,
  );
  assert.match(
    await failure(port, { credentials: { user: "u", password: "secret" } }),
    /^deferred at auth: null 4\.7\.11/,
  );
  for (const [offered, password, expected] of [
    ["LOGIN", "secret", null],
    ["LOGIN", "no", /^deferred at auth: 535 4\.7\.8/],
    ["SCRAM-SHA-256", "secret", /^deferred at auth: null 4\.7\.9/],
  ] as const) {
    const other = await startServer({ methods: { mechanisms: () => [offered] } });
    t.after(() => other.server.close(0));
    const credentials = { user: "u", password };
    const shown: string[] = [];
    const transcript = (line: string) => shown.push(line);
    if (expected === null) (await opened(other.port, { tls, credentials, transcript })).close();
    else assert.match(await failure(other.port, { tls, credentials, transcript }), expected);
    assert.doesNotMatch(shown.join("\n"), /c2VjcmV0|bm8=/);
  }
});

test("words behind the reply to STARTTLS are an attack (RFC 3207 §5)", async (t) => {
  const port = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "220 go\r\n250 injected\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  const tls = { mode: "required", name: "mx.test", ca: certificate } as const;
  assert.match(
    await failure(port, { tls }),
    /^deferred at starttls: null 4\.4\.2 (?:octets follow|a reply to nothing)/,
  );
  // Whole lines of a reply that goes on inside TLS: they would have been the server's extensions.
  const begun = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "220 go\r\n250-x\r\n250-REQUIRETLS\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  assert.match(await failure(begun, { tls, deadlines: { tlsMs: 500 } }), /^deferred at .* octets follow/);
  const silent = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "220 go\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  assert.match(await failure(silent, { tls, deadlines: { tlsMs: 60 } }), /^deferred at starttls: .*in time/);
  const refusing = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "454 not now\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  assert.match(await failure(refusing, { tls }), /^deferred at starttls: 454/);
  assert.ok((await open(refusing, { tls: { mode: "opportunistic" } })).ok, "opportunistic goes on in clear");
});

test("an opportunistic handshake that fails says so: the caller may try again in clear text (RFC 7435)", async (t) => {
  const ehlo = "250-x\r\n250 STARTTLS\r\n";
  const garbage = await scripted(t, "220 x\r\n", (line, socket) => {
    if (line !== "STARTTLS") return answers({}, ehlo)(line);
    socket.once("data", () => socket.write("this is no TLS\r\n"));
    return "220 go\r\n";
  });
  const closing = await scripted(t, "220 x\r\n", (line, socket) => {
    if (line !== "STARTTLS") return answers({}, ehlo)(line);
    socket.once("data", () => socket.destroy());
    return "220 go\r\n";
  });
  for (const port of [garbage, closing]) {
    const result = await open(port, { tls: { mode: "opportunistic" }, deadlines: { tlsMs: 2000 } });
    assert.deepEqual(result.ok || [result.failure.status, result.failure.stage, result.failure.enhanced], [
      "deferred",
      "starttls",
      "4.4.2",
    ]);
    (await opened(port)).close();
  }
});
