import assert from "node:assert/strict";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { type AuthStep, reply, type SmtpHandler } from "./index.ts";
import { delay, startServer, Talker } from "./test-peers.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("AUTH: initial and challenge forms, the limit of failures, and their delay (RFC 4954 §4)", async (t) => {
  const { server, port, events, closeReasons } = await startServer({ deadlines: { authFailureDelayMs: 50 } });
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  const begun = performance.now();
  assert.equal(await talker.ask(`AUTH PLAIN ${base64("\0u\0wrong")}`), "535 5.7.8 Authentication failed");
  assert.ok(performance.now() - begun > 45, "delayed");
  assert.match(await talker.ask("AUTH PLAIN"), /^334/);
  assert.match(await talker.ask(base64("\0u\0wrong")), /^535/);
  assert.match(await talker.ask(`AUTH LOGIN ${base64("u")}`), /^334/);
  assert.match(await talker.ask(base64("wrong")), /^421 4\.7\.0/);
  assert.equal(await talker.rest(), "");
  const other = await Talker.secured(port);
  assert.match(await other.ask("AUTH PLAIN"), /^334/);
  assert.match(await other.ask(base64("\0u\0secret")), /^235/);
  assert.deepEqual(await closeReasons(1), ["too-many-auth-failures"]);
  const failed = events.flatMap((event) => (event.kind === "auth-failed" ? [event.mechanism] : []));
  assert.deepEqual(failed, ["PLAIN", "PLAIN", "LOGIN"]);
  other.destroy();
});

/** A server whose exchanges answer what the test puts in; what they are given. */
async function scripted(script: (AuthStep<string> | Promise<AuthStep<string>> | Error)[]) {
  const given: string[] = [];
  const methods: Partial<SmtpHandler<string>> = {
    mechanisms: () => ["X-TEST"],
    authenticate: (_session, mechanism) =>
      mechanism !== "X-TEST"
        ? null
        : {
            respond(response) {
              given.push(response === null ? "nothing" : Buffer.from(response).toString("latin1"));
              const step = script.shift();
              if (step === undefined || step instanceof Error) throw step;
              return step;
            },
            cancel: () => void given.push("cancelled"),
          },
  };
  return { given, ...(await startServer({ methods, deadlines: { handlerMs: 100 } })) };
}

const challenge = (text: string) => ({ kind: "challenge", octets: Buffer.from(text) }) as const;

test("AUTH relays octets, whatever the mechanism (RFC 4954 §4)", async (t) => {
  const long = "x".repeat(9000);
  const { server, port, given } = await scripted([
    challenge(""),
    challenge(long),
    { kind: "malformed" },
    challenge("a"),
    { kind: "refused" },
    { kind: "refused", reply: reply(454, "4.7.0", "Later") },
    challenge("v=proof"),
    { kind: "accepted", user: "u" },
  ]);
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  assert.equal(await talker.ask("AUTH X-OTHER"), "504 5.5.4 Mechanism is not supported");
  assert.equal(await talker.ask("AUTH X-TEST"), "334");
  assert.equal(await talker.ask(base64("\xff\0")), `334 ${base64(long)}`, "one line, not wrapped");
  assert.equal(await talker.ask(base64(long)), "501 5.5.2 That is not X-TEST");
  assert.equal(await talker.ask("AUTH X-TEST ="), `334 ${base64("a")}`);
  assert.equal(await talker.ask(""), "535 5.7.8 Authentication failed");
  assert.equal(await talker.ask("AUTH X-TEST"), "454 4.7.0 Later");
  assert.equal(await talker.ask(`AUTH X-TEST ${base64("p")}`), `334 ${base64("v=proof")}`);
  assert.equal(await talker.ask(""), "235 2.7.0 Authentication successful");
  assert.deepEqual(given, [
    "nothing",
    Buffer.from("\xff\0").toString("latin1"),
    long,
    "",
    "",
    "nothing",
    "p",
    "",
  ]);
  talker.destroy();
});

test("AUTH: an exchange that does not come to its end is cancelled, once", async (t) => {
  const { server, port, given, events } = await scripted([
    ...Array.from({ length: 4 }, () => challenge("a")),
    new Error("broken"),
    challenge("x".repeat(9300)),
    challenge("a"),
    new Promise(() => {}),
  ]);
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  for (const [line, answer] of [
    ["*", /^501 5\.7\.0/],
    ["no base64", /^501 5\.5\.2/],
    ["YQ", /^501 5\.5\.2/],
    ["x".repeat(12_300), /^500 5\.5\.6/],
  ] as const) {
    assert.match(await talker.ask("AUTH X-TEST"), /^334 YQ==$/);
    assert.match(await talker.ask(line), answer);
    assert.equal(given.at(-1), "cancelled");
  }
  assert.match(await talker.ask("AUTH X-TEST"), /^451 4\.3\.0/, "a handler that fails");
  assert.match(await talker.ask("AUTH X-TEST"), /^451 4\.3\.0/, "a challenge that fits in no line");
  assert.match(await talker.ask("AUTH X-TEST"), /^334/);
  talker.destroy();
  while (given.length < 14) await delay(2);
  const other = await Talker.secured(port);
  assert.match(await other.ask("AUTH X-TEST"), /^421 4\.3\.0/, "a handler that hangs");
  await other.rest();
  await delay(10);
  assert.deepEqual(given, Array.from({ length: 8 }, () => ["nothing", "cancelled"]).flat());
  assert.deepEqual(
    events.flatMap((event) => (event.kind === "handler-failed" ? [event.method] : [])),
    ["auth", "auth"],
  );
});

test("AUTH: a client that leaves before the answer is not logged in by it", async (t) => {
  let answer: (step: AuthStep<string>) => void = () => {};
  const { server, port, given, closeReasons, events } = await scripted([
    new Promise((resolve) => {
      answer = resolve;
    }),
  ]);
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  talker.send("AUTH X-TEST\r\n");
  while (given.length < 1) await delay(2);
  talker.destroy();
  await closeReasons(1);
  assert.deepEqual(given, ["nothing", "cancelled"]);
  answer({ kind: "accepted", user: "u" });
  await delay(5);
  assert.ok(events.every((event) => !("session" in event) || event.session.user === null));
});

test("PRV-7 an exchange gets what binds it to the TLS session: tls-exporter (RFC 9266)", async (t) => {
  const bindings: (Uint8Array | null)[] = [];
  const { server, port } = await startServer({
    methods: {
      mechanisms: () => ["X-TEST-PLUS", "X-TEST"],
      authenticate: (_session, _mechanism, channelBinding) => {
        bindings.push(channelBinding);
        return { respond: () => ({ kind: "refused" }), cancel() {} };
      },
    },
  });
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  assert.match(await talker.ask("EHLO client.test"), /\|250-AUTH X-TEST-PLUS X-TEST\|/);
  assert.match(await talker.ask("AUTH X-TEST-PLUS"), /^535/);
  const ours = (talker.socket as TLSSocket).exportKeyingMaterial(
    32,
    "EXPORTER-Channel-Binding",
    Buffer.alloc(0),
  );
  talker.destroy();

  // Before TLS 1.3 there is nothing to bind to.
  const older = await Talker.hello(port);
  await older.ask("STARTTLS");
  await older.startTls({ maxVersion: "TLSv1.2" });
  assert.match(await older.ask("EHLO client.test"), /\|250-AUTH X-TEST\|/);
  assert.match(await older.ask("AUTH X-TEST-PLUS"), /^504 5\.5\.4/);
  assert.match(await older.ask("AUTH X-TEST"), /^535/);
  assert.deepEqual(bindings, [ours, null]);
  older.destroy();
});
