import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { keysFromFile, TokenVerifier } from "../src/keyring/index.ts";
import { type ClientRun, missingProgram, runClient } from "./support/client-program.ts";
import { SubmissionService } from "./support/submission-service.ts";

// Programs of others log in without telling their password: by SCRAM-SHA-256, with and without channel binding, and
// by an access token (PRV-6, PRV-7).

const allice = "allice@someisp.test";
const folder = mkdtempSync(join(tmpdir(), "vsmtp-logins-"));
let service: SubmissionService;
let goodToken = "";
let foreignToken = "";

before(async () => {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const jwks = join(folder, "jwks.json");
  writeFileSync(jwks, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  const token = (audience: string) =>
    new SignJWT({ email: allice })
      .setProtectedHeader({ alg: "EdDSA" })
      .setIssuer("https://login.test")
      .setAudience(audience)
      .setExpirationTime("10m")
      .sign(privateKey);
  goodToken = await token("mail");
  foreignToken = await token("calendar");
  const tokens = new TokenVerifier({
    keys: keysFromFile(jwks),
    issuer: "https://login.test",
    audience: "mail",
    claim: "email",
    scope: null,
  });
  service = await SubmissionService.start({ [allice]: "secret" }, { scram: true, tokens });
});
after(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true });
});

interface LoginClient {
  readonly program: string;
  readonly mechanism: string;
  /** What it logs in with, and something that must not do. */
  secrets(): { readonly right: string; readonly wrong: string };
  run(secret: string): Promise<ClientRun>;
}

const passwords = () => ({ right: "secret", wrong: "wrong" });
const tokens = () => ({ right: goodToken, wrong: foreignToken });
const message = `From: ${allice}\nTo: bob@dest.test\nSubject: x\n\nHi\n`;

function gsasl(mechanism: string, ...options: string[]): LoginClient {
  return {
    program: "gsasl",
    mechanism,
    secrets: passwords,
    run: (secret) =>
      runClient("gsasl", [
        "--smtp",
        `--connect=localhost:${service.submissionPort}`,
        "--starttls",
        `--x509-ca-file=${service.caFile}`,
        `--mechanism=${mechanism}`,
        `--authentication-id=${allice}`,
        `--password=${secret}`,
        "--verbose",
        ...options,
      ]),
  };
}

function msmtp(mechanism: string, secrets: LoginClient["secrets"]): LoginClient {
  return {
    program: "msmtp",
    mechanism,
    secrets,
    run: (secret) =>
      runClient(
        "msmtp",
        [
          "--host=localhost",
          `--port=${service.smtpsPort}`,
          "--tls=on",
          "--tls-starttls=off",
          `--tls-trust-file=${service.caFile}`,
          `--auth=${mechanism.toLowerCase()}`,
          `--user=${allice}`,
          `--passwordeval=echo ${secret}`,
          `--from=${allice}`,
          "--debug",
          "bob@dest.test",
        ],
        message,
      ),
  };
}

const curl: LoginClient = {
  program: "curl",
  mechanism: "OAUTHBEARER",
  secrets: tokens,
  run: (secret) =>
    runClient(
      "curl",
      [
        ["-sSv", "--crlf", "--upload-file", "-", "--cacert", service.caFile],
        ["--user", allice, "--oauth2-bearer", secret, "--login-options", "AUTH=OAUTHBEARER"],
        ["--mail-from", allice, "--mail-rcpt", "bob@dest.test"],
        [`smtps://localhost:${service.smtpsPort}/client.test`],
      ].flat(),
      message,
    ),
};

for (const client of [
  gsasl("SCRAM-SHA-256-PLUS"),
  gsasl("SCRAM-SHA-256", "--no-cb"),
  msmtp("SCRAM-SHA-256", passwords),
  msmtp("OAUTHBEARER", tokens),
  curl,
]) {
  const { program, mechanism } = client;
  test(`${program} logs in by ${mechanism}, and with the wrong secret not (PRV-6, PRV-7)`, {
    skip: missingProgram(program),
  }, async () => {
    const { right, wrong } = client.secrets();
    const run = await client.run(right);
    assert.equal(run.status, 0, run.output);
    assert.match(run.output, new RegExp(`AUTH ${mechanism}\\b`));
    assert.match(run.output, /235 2\.7\.0/);
    for (const { verdict } of await service.takeQueue()) assert.equal(verdict.result, "pass", verdict.detail);

    const refused = await client.run(wrong);
    assert.notEqual(refused.status, 0, refused.output);
    assert.match(refused.output, /535 5\.7\.8/);
    assert.deepEqual(await service.takeQueue(), []);
  });
}
