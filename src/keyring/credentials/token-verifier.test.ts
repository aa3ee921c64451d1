import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import {
  base64url,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from "jose";
import { generate } from "selfsigned";
import { keysFromFile, keysFromUrl } from "./issuer-keys.ts";
import { TokenVerifier, type TokenVerifierOptions } from "./token-verifier.ts";

const now = Date.UTC(2026, 10, 25);
const clock = { now: () => now };
const folder = mkdtempSync(join(tmpdir(), "vsmtp-tokens-"));
const file = join(folder, "jwks.json");
const keys: Record<string, CryptoKey> = {};
const jwks: { keys: JWK[] } = { keys: [] };

before(async () => {
  for (const [kid, alg] of [
    ["r", "RS256"],
    ["e", "ES256"],
    ["d", "EdDSA"],
    ["f", "Ed25519"],
  ] as const) {
    jwks.keys.push(await newKey(kid, alg));
  }
  writeFileSync(file, JSON.stringify(jwks));
});
after(() => rmSync(folder, { recursive: true }));

async function newKey(kid: string, alg: string): Promise<JWK> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  keys[kid] = privateKey;
  return { ...(await exportJWK(publicKey)), kid, alg };
}

function verifier(options: Partial<TokenVerifierOptions> = {}): TokenVerifier {
  return new TokenVerifier({
    keys: keysFromFile(file),
    issuer: "https://login.test",
    audience: "mail",
    claim: "email",
    scope: null,
    clock,
    ...options,
  });
}

interface Making {
  readonly kid?: string;
  readonly alg?: string;
  readonly exp?: number | null;
}

function token(
  claims: JWTPayload = {},
  { kid = "d", alg = "EdDSA", exp = 600 }: Making = {},
): Promise<string> {
  const given = { iss: "https://login.test", aud: "mail", email: "allice@someisp.test", ...claims };
  const jwt = new SignJWT(given).setProtectedHeader({ alg, kid });
  if (exp !== null) jwt.setExpirationTime(now / 1000 + exp);
  return jwt.sign(keys[kid] as CryptoKey);
}

const valid = { kind: "valid", name: "allice@someisp.test" };

test("PRV-6 tokens signed with RS256, ES256 and Ed25519", async () => {
  const one = verifier();
  assert.deepEqual(await one.verify(await token({}, { kid: "r", alg: "RS256" })), valid);
  assert.deepEqual(await one.verify(await token({}, { kid: "e", alg: "ES256" })), valid);
  assert.deepEqual(await one.verify(await token({}, { kid: "f", alg: "Ed25519" })), valid);
  assert.deepEqual(await one.verify(await token()), valid);
  assert.deepEqual(await one.verify(await token({ aud: ["other", "mail"], email_verified: true })), valid);
});

test("tokens of another issuer, for another service, at another time, without an address that is theirs", async () => {
  const one = verifier();
  const cases: [claims: JWTPayload, making: Making, detail: RegExp][] = [
    [{ iss: "https://evil.test" }, {}, /"iss"/],
    [{ aud: "calendar" }, {}, /"aud"/],
    [{}, { exp: -60 }, /"exp"/],
    [{}, { exp: null }, /"exp"/],
    [{ nbf: now / 1000 + 60 }, {}, /"nbf"/],
    [{ email: undefined }, {}, /no claim "email"/],
    [{ email: 7 }, {}, /no claim "email"/],
    [{ email_verified: false }, {}, /not verified/],
    [{ email_verified: "false" }, {}, /not verified/],
  ];
  for (const [claims, making, detail] of cases) {
    const verdict = await one.verify(await token(claims, making));
    assert.equal(verdict.kind, "invalid");
    assert.match((verdict as { detail: string }).detail, detail);
  }
  assert.deepEqual(await one.verify(await token({}, { exp: -20 })), valid, "clocks differ a little");
  const named = verifier({ claim: "upn" });
  assert.deepEqual(await named.verify(await token({ upn: "a@b.test", email_verified: false })), {
    kind: "valid",
    name: "a@b.test",
  });
});

test("a scope may be required, in any of its two forms", async () => {
  const one = verifier({ scope: "mail.send" });
  for (const claims of [{ scope: "openid mail.send" }, { scp: ["mail.send"] }, { scp: "mail.send x" }]) {
    assert.deepEqual(await one.verify(await token(claims)), valid);
  }
  for (const claims of [{}, { scope: "mail.sender" }, { scope: 1 }, { scp: [["mail.send"]] }]) {
    assert.equal((await one.verify(await token(claims))).kind, "invalid");
  }
});

test("signatures by nobody, by the public key as a secret, and by a key that is not the issuer's", async () => {
  const one = verifier();
  const [, payload] = (await token()).split(".");
  const none = `${base64url.encode('{"alg":"none"}')}.${payload}.`;
  assert.equal((await one.verify(none)).kind, "invalid");
  const secret = Buffer.from(JSON.stringify(jwks.keys[0]));
  const claims = { iss: "https://login.test", aud: "mail", email: "a@b.test", exp: now / 1000 + 600 };
  const confused = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "r" }).sign(secret);
  assert.equal((await one.verify(confused)).kind, "invalid");
  const { privateKey } = await generateKeyPair("EdDSA");
  const forged = await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: "d" }).sign(privateKey);
  assert.equal((await one.verify(forged)).kind, "invalid");
  const [header, , signature] = (await token()).split(".");
  const other = base64url.encode(JSON.stringify({ ...claims, email: "boss@b.test" }));
  assert.equal((await one.verify(`${header}.${other}.${signature}`)).kind, "invalid");
});

test("any text is a token that is not valid, and never an exception", async () => {
  const one = verifier();
  const [header = "", payload = "", signature = ""] = (await token()).split(".");
  const piece = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.constantFrom(header, payload, signature, "."),
    fc.jsonValue().map((json) => base64url.encode(JSON.stringify(json))),
  );
  const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join("."));
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      fc.pre(given !== `${header}.${payload}.${signature}`);
      assert.equal((await one.verify(given)).kind, "invalid");
    }),
    { numRuns: 300 },
  );
});

test("a file of keys is read again when it has changed; without it nobody is turned away for good", async () => {
  const path = join(folder, "changing.json");
  const one = verifier({ keys: keysFromFile(path) });
  assert.equal((await one.verify(await token())).kind, "unavailable");
  writeFileSync(path, JSON.stringify(jwks));
  assert.deepEqual(await one.verify(await token()), valid);
  const added = await newKey("new", "EdDSA");
  assert.equal((await one.verify(await token({}, { kid: "new" }))).kind, "invalid");
  writeFileSync(path, JSON.stringify({ keys: [added] }));
  assert.deepEqual(await one.verify(await token({}, { kid: "new" })), valid);
  assert.equal((await one.verify(await token())).kind, "invalid", "a key that was taken away");
  writeFileSync(path, "no JSON");
  assert.equal((await one.verify(await token())).kind, "unavailable");
  writeFileSync(path, " ".repeat(300_000));
  assert.equal((await one.verify(await token())).kind, "unavailable");
});

test("keys from a URL: over TLS that is checked, kept for a while, bounded in size", async (t) => {
  const certificate = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  let body = JSON.stringify(jwks);
  let asked = 0;
  const server: Server = createServer(
    { key: certificate.private, cert: certificate.cert },
    (request, response) => {
      asked++;
      if (request.url === "/moved") response.writeHead(302, { location: "/jwks" }).end();
      else response.end(body);
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const at = (path: string) => new URL(`https://localhost:${(server.address() as AddressInfo).port}${path}`);
  const trusted = [certificate.cert];

  const one = verifier({ keys: keysFromUrl(at("/jwks"), trusted) });
  assert.deepEqual(await one.verify(await token()), valid);
  assert.deepEqual(await one.verify(await token()), valid);
  assert.equal((await one.verify(await token({}, { kid: "new" }))).kind, "invalid");
  assert.equal(asked, 1, "unknown keys do not make it ask again at once");

  assert.equal(
    (await verifier({ keys: keysFromUrl(at("/jwks")) }).verify(await token())).kind,
    "unavailable",
  );
  const moved = verifier({ keys: keysFromUrl(at("/moved"), trusted) });
  assert.equal((await moved.verify(await token())).kind, "unavailable", "redirects are not followed");
  body = " ".repeat(300_000);
  const large = verifier({ keys: keysFromUrl(at("/jwks"), trusted) });
  const verdict = await large.verify(await token());
  assert.match((verdict as { detail: string }).detail, /larger than/);
});
