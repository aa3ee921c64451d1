import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  decoyScramVerifier,
  makeScramVerifier,
  type SaslBackend,
  type SaslOutcome,
  type SaslStep,
  type ScramProof,
  saslExchange,
} from "./index.ts";

const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const { verifier } = await makeScramVerifier("pencil", salt, 4096);
const channelBinding = Buffer.alloc(32, 7);

/** Knows one user. What it was asked, and the proofs that it was given. */
function backend() {
  const asked: object[] = [];
  const proofs: ScramProof[] = [];
  const answer = (right: boolean): SaslOutcome<string> =>
    right ? { kind: "accepted", user: "user" } : { kind: "rejected" };
  const knows: SaslBackend<string> = {
    async password(given) {
      asked.push(given);
      return answer(given.authcid === "user" && given.password === "pencil");
    },
    async scram(given) {
      asked.push(given);
      if (given.authcid === "busy") return { kind: "busy" };
      const known = given.authcid === "user";
      return {
        verifier: known ? verifier : decoyScramVerifier(Buffer.from("decoys"), given.authcid, 4096),
        async conclude(proof) {
          // It is wiped when this is answered.
          proofs.push(
            proof.kind === "proved" ? { ...proof, clientKey: Buffer.from(proof.clientKey) } : proof,
          );
          return answer(known && proof.kind === "proved");
        },
      };
    },
    async token(given) {
      asked.push(given);
      return answer(given.token === "good");
    },
  };
  return { knows, asked, proofs };
}

/** Plays the client's part; every step of the server as text. */
async function play(
  mechanism: string,
  responses: readonly (string | null)[],
  options: { channelBinding?: Uint8Array; nonce?: string } = {},
): Promise<string[]> {
  const exchange = saslExchange(mechanism, {
    backend: backend().knows,
    channelBinding: options.channelBinding ?? null,
    ...(options.nonce !== undefined && { newNonce: () => options.nonce as string }),
  });
  assert.ok(exchange, mechanism);
  const steps: string[] = [];
  for (const response of responses) {
    steps.push(show(await exchange.respond(response === null ? null : Buffer.from(response))));
  }
  return steps;
}

function show(step: SaslStep<string>): string {
  return step.kind === "challenge" ? `+ ${Buffer.from(step.octets)}` : step.kind;
}

test("PLAIN (RFC 4616): initial and later, all three parts", async () => {
  assert.deepEqual(await play("PLAIN", ["\0user\0pencil"]), ["accepted"]);
  assert.deepEqual(await play("PLAIN", [null, "me\0user\0pencil"]), ["+ ", "accepted"]);
  assert.deepEqual(await play("PLAIN", ["\0user\0pen"]), ["rejected"]);
  for (const bad of ["", "user", "\0user", "\0\0pencil", "\0user\0", "\0u\0p\0x"]) {
    assert.deepEqual(await play("PLAIN", [bad]), ["malformed"], JSON.stringify(bad));
  }
  const { knows, asked } = backend();
  const exchange = saslExchange("PLAIN", { backend: knows, channelBinding: null });
  await exchange?.respond(Buffer.from("zid\0üser\0pä ss"));
  assert.deepEqual(asked, [{ authzid: "zid", authcid: "üser", password: "pä ss" }]);
  const latin1 = saslExchange("PLAIN", { backend: knows, channelBinding: null });
  assert.equal((await latin1?.respond(Buffer.from("\0u\0\xff", "latin1")))?.kind, "malformed", "not UTF-8");
});

test("PRV-6 LOGIN is asked as PLAIN is", async () => {
  assert.deepEqual(await play("LOGIN", [null, "user", "pencil"]), ["+ Username:", "+ Password:", "accepted"]);
  assert.deepEqual(await play("LOGIN", ["user", "pencil"]), ["+ Password:", "accepted"]);
  assert.deepEqual(await play("LOGIN", ["user", "x"]), ["+ Password:", "rejected"]);
  assert.deepEqual(await play("LOGIN", [""]), ["malformed"]);
  assert.deepEqual(await play("LOGIN", ["user", "a\0b"]), ["+ Password:", "malformed"]);
});

const clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const combined = `rOprNGfwEbeRWgbNEkqO${nonce}`;
const serverFirst = `r=${combined},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

test("SCRAM-SHA-256: the example of RFC 7677 §3", async () => {
  const clientFinal = `c=biws,r=${combined},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
  const steps = await play("SCRAM-SHA-256", [clientFirst, clientFinal, ""], { nonce });
  assert.deepEqual(steps, [`+ ${serverFirst}`, `+ ${serverFinal}`, "accepted"]);
  const later = await play("SCRAM-SHA-256", [null, clientFirst, clientFinal, "", ""], { nonce });
  assert.deepEqual(later, ["+ ", `+ ${serverFirst}`, `+ ${serverFinal}`, "accepted", "malformed"]);
  const words = await play("SCRAM-SHA-256", [clientFirst, clientFinal, "thanks"], { nonce });
  assert.deepEqual(words.at(-1), "malformed");
});

/** A client of our own: the proof for what it bound itself to, by RFC 5802 §3. */
function finalMessage(
  first: string,
  serverWords: string,
  password: string,
  bound: Uint8Array | null,
): string {
  const header = /^[^,]+,[^,]*,/.exec(first)?.[0] ?? "";
  const [, fullNonce, saltText = "", count] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverWords) ?? [];
  const c = Buffer.concat([Buffer.from(header), bound ?? Buffer.alloc(0)]).toString("base64");
  const withoutProof = `c=${c},r=${fullNonce}`;
  const salted = pbkdf2Sync(password, Buffer.from(saltText, "base64"), Number(count), 32, "sha256");
  const key = createHmac("sha256", salted).update("Client Key").digest();
  const stored = createHash("sha256").update(key).digest();
  const signed = `${first.slice(header.length)},${serverWords},${withoutProof}`;
  const pad = createHmac("sha256", stored).update(signed).digest();
  return `${withoutProof},p=${Buffer.from(key.map((octet, at) => octet ^ (pad[at] ?? 0))).toString("base64")}`;
}

/** A whole SCRAM exchange; its last step, and what the backend was told of the proof. */
async function authenticate(
  mechanism: string,
  first: string,
  options: { password?: string; ours?: Uint8Array | null; theirs?: Uint8Array | null } = {},
) {
  const { knows, asked, proofs } = backend();
  const exchange = saslExchange(mechanism, { backend: knows, channelBinding: options.ours ?? null });
  assert.ok(exchange);
  const steps = [show(await exchange.respond(Buffer.from(first)))];
  if (steps[0]?.startsWith("+ ")) {
    const final = finalMessage(
      first,
      steps[0].slice(2),
      options.password ?? "pencil",
      options.theirs ?? null,
    );
    steps.push(show(await exchange.respond(Buffer.from(final))));
    if (steps[1]?.startsWith("+ v=")) steps.push(show(await exchange.respond(Buffer.alloc(0))));
  }
  const proof = proofs[0]?.kind === "failed" ? proofs[0].reason : (proofs[0]?.kind ?? "none");
  return { asked, proofs, last: `${steps.at(-1)} ${proof}` };
}

test("SCRAM: proofs, names, and the key that a right proof brings", async () => {
  const right = await authenticate("SCRAM-SHA-256", "n,,n=user,r=abc");
  assert.equal(right.last, "accepted proved");
  const { clientKey } = await makeScramVerifier("pencil", salt, 4096);
  assert.deepEqual(right.proofs, [{ kind: "proved", clientKey }]);
  assert.equal(
    (await authenticate("SCRAM-SHA-256", "n,,n=user,r=abc", { password: "x" })).last,
    "rejected proof",
  );
  assert.equal((await authenticate("SCRAM-SHA-256", "n,,n=nobody,r=abc")).last, "rejected proof");
  assert.equal((await authenticate("SCRAM-SHA-256", "n,,n=busy,r=abc")).last, "busy none");
  const named = await authenticate("SCRAM-SHA-256", "n,a=a=2Cb,n=c=3Dd=2C=2Ce,r=abc,x=extension");
  assert.deepEqual(named.asked, [{ authcid: "c=d,,e", authzid: "a,b" }]);
});

test("PRV-7 SCRAM-SHA-256-PLUS binds to the TLS session, and shows who is in the middle", async () => {
  const plus = "SCRAM-SHA-256-PLUS";
  const first = "p=tls-exporter,,n=user,r=abc";
  const bound = { ours: channelBinding, theirs: channelBinding };
  assert.equal((await authenticate(plus, first, bound)).last, "accepted proved");
  const relayed = { ours: channelBinding, theirs: Buffer.alloc(32, 8) };
  assert.equal((await authenticate(plus, first, relayed)).last, "rejected channel-binding");
  const unique = "p=tls-unique,,n=user,r=abc";
  assert.equal((await authenticate(plus, unique, bound)).last, "rejected channel-binding");
  assert.equal((await authenticate(plus, "n,,n=user,r=abc", bound)).last, "malformed none");
  assert.equal((await authenticate("SCRAM-SHA-256", first, bound)).last, "malformed none");
  // RFC 5802 §6: "y" is a lie of somebody in between where channel binding was offered, and the truth elsewhere.
  const unaware = "y,,n=user,r=abc";
  assert.equal((await authenticate("SCRAM-SHA-256", unaware, bound)).last, "rejected downgrade");
  assert.equal((await authenticate("SCRAM-SHA-256", unaware)).last, "accepted proved");
  assert.equal(
    (await authenticate("SCRAM-SHA-256", "n,,n=user,r=abc", bound)).last,
    "rejected channel-binding",
  );
  const unbound = { ours: channelBinding, theirs: null };
  assert.equal((await authenticate("SCRAM-SHA-256", "n,,n=user,r=abc", unbound)).last, "accepted proved");
  assert.equal(saslExchange(plus, { backend: backend().knows, channelBinding: null }), null);
});

test("SCRAM: what is none", async () => {
  for (const bad of [
    "",
    "n=user,r=abc",
    "n,n=user,r=abc",
    "n,,r=abc,n=user",
    "n,,n=,r=abc",
    "n,,n=us=er,r=abc",
    "n,,n=user,r=",
    "n,,n=user,r=a b",
    "n,,m=x,n=user,r=abc",
    "n,,n=user,r=abc,",
    "n,,n=user,r=abc,x=",
    "F,n,,n=user,r=abc",
    "p=,,n=user,r=abc",
    `n,,n=user,r=${"x".repeat(513)}`,
  ]) {
    assert.deepEqual(await play("SCRAM-SHA-256", [bad]), ["malformed"], bad);
  }
  const proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  for (const bad of [
    "",
    `c=biws,r=${combined}`,
    `c=biws,r=rOprNGfwEbeRWgbNEkqO,p=${proof}`,
    `c=biws,r=${combined}x,p=${proof}`,
    `c=biw,r=${combined},p=${proof}`,
    `c=biws,r=${combined},p=AAAA`,
    `r=${combined},c=biws,p=${proof}`,
    `c=biws,r=${combined},p=${proof},x=y`,
  ]) {
    const steps = await play("SCRAM-SHA-256", [clientFirst, bad], { nonce });
    assert.deepEqual(steps, [`+ ${serverFirst}`, "malformed"], bad);
  }
});

test("a name that is nobody's looks like somebody's, and keeps its salt", async () => {
  const secret = Buffer.from("decoys");
  const one = decoyScramVerifier(secret, "nobody", 65_536);
  assert.deepEqual(decoyScramVerifier(secret, "nobody", 65_536), one);
  assert.deepEqual([one.salt.length, one.storedKey.length, one.serverKey.length], [16, 32, 32]);
  assert.notDeepEqual(decoyScramVerifier(secret, "somebody", 65_536).salt, one.salt);
  assert.notDeepEqual(decoyScramVerifier(Buffer.from("other"), "nobody", 65_536).salt, one.salt);
});

test("OAUTHBEARER: a good token, a bad one and the client's answer to that (RFC 7628 §3, §4)", async () => {
  const request = (auth: string) =>
    `n,a=user@example.com,\x01host=server.example.com\x01port=587\x01auth=${auth}\x01\x01`;
  assert.deepEqual(await play("OAUTHBEARER", [request("Bearer good")]), ["accepted"]);
  assert.deepEqual(await play("OAUTHBEARER", [null, "n,,\x01auth=bearer good\x01\x01"]), ["+ ", "accepted"]);
  const refusal = '+ {"status":"invalid_token","schemes":"bearer"}';
  assert.deepEqual(await play("OAUTHBEARER", [request("Bearer bad"), "\x01"]), [refusal, "rejected"]);
  assert.deepEqual(await play("OAUTHBEARER", [request(""), "\x01"]), [refusal, "rejected"]);
  for (const bad of [
    "",
    "n,,",
    "n,,\x01\x01",
    "n,,\x01auth=Bearer good\x01",
    "n,,\x01auth=Basic good\x01\x01",
    "n,,\x01auth=Bearer go od\x01\x01",
    "n,,\x01auth=Bearer good\x01auth=Bearer bad\x01\x01",
    "n,,\x01auth=Bearer good\x01\x01x",
    "p=tls-exporter,,\x01auth=Bearer good\x01\x01",
  ]) {
    assert.deepEqual(await play("OAUTHBEARER", [bad]), ["malformed"], JSON.stringify(bad));
  }
  const { knows, asked } = backend();
  const exchange = saslExchange("OAUTHBEARER", { backend: knows, channelBinding: null });
  await exchange?.respond(Buffer.from(request("Bearer dGVzdA==")));
  assert.deepEqual(asked, [{ authzid: "user@example.com", token: "dGVzdA==" }]);
});

test("a mechanism that is none, a response too long, and a client that gives up", async () => {
  const { knows } = backend();
  assert.equal(saslExchange("CRAM-MD5", { backend: knows, channelBinding: null }), null);
  const exchange = saslExchange("LOGIN", { backend: knows, channelBinding: null });
  assert.equal((await exchange?.respond(null))?.kind, "challenge");
  assert.equal((await exchange?.respond(Buffer.alloc(9217, 97)))?.kind, "malformed");
  exchange?.cancel();
  assert.equal((await exchange?.respond(Buffer.from("user")))?.kind, "malformed");
  const broken = { ...knows, password: () => Promise.reject(new Error("no store")) };
  const failing = saslExchange("PLAIN", { backend: broken, channelBinding: null });
  await assert.rejects(async () => failing?.respond(Buffer.from("\0a\0b")), /no store/);
});

test("any octets, in any order, end in a step and never in an exception", async () => {
  const name = fc.constantFrom("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "OAUTHBEARER");
  const word = fc.constantFrom(
    "n,,",
    "y,,",
    "p=tls-exporter,,",
    "n=user",
    "r=abc",
    ",",
    "=",
    "=2C",
    "c=biws",
    "p=AAAA",
    "\x01",
    "\0",
    "auth=Bearer good",
  );
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.array(word, { maxLength: 8 }).map((words) => Buffer.from(words.join(""))),
  );
  const responses = fc.array(octets, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(name, fc.boolean(), responses, async (mechanism, initial, given) => {
      const exchange = saslExchange(mechanism, { backend: backend().knows, channelBinding });
      assert.ok(exchange);
      if (!initial) assert.equal((await exchange.respond(null)).kind, "challenge");
      for (const response of given) {
        const step = await exchange.respond(response);
        assert.ok(["challenge", "accepted", "rejected", "malformed"].includes(step.kind));
      }
    }),
    { numRuns: 1000 },
  );
});
