// The senders' side of receiving.ts: a DNS with their domains, a key server with an account for each message of the cold
// run, and the messages themselves, signed and written to a folder.
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { generate } from "selfsigned";
import { DnsServer } from "../src/dns/index.ts";
import { type DirectoryKey, type KeyDirectory, KeyServer } from "../src/key-server/index.ts";
import type { Address } from "../src/message/index.ts";
import { keyId, sign } from "../src/signature/index.ts";
import { coldFile, DOMAIN, dkimName, messageFile } from "./receiving-files.ts";
import { announce } from "./server-process.ts";
import { volleyMessage } from "./smtp-tools.ts";

/** What the receivers have to know. */
export interface KeysReady {
  readonly dnsPort: number;
  readonly keyPort: number;
  /** PEM file of the authority that the key server's certificate is from. */
  readonly caFile: string;
  /** The DKIM record of {@link dkimName}. */
  readonly dkimRecord: string;
}

const sizes = [2048, 51_200];
/** As one domain may not be asked more than 60 times in a minute (CCH-6). */
const ACCOUNTS_PER_DOMAIN = 40;

const [folder = "", coldMessages = "0"] = process.argv.slice(2);
const now = Math.floor(Date.now() / 1000);
const directory = new Map<string, DirectoryKey[]>();
const addAccount = (localPart: string): KeyObject => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const times = { notBefore: now - 86_400, notAfter: now + 30 * 86_400 };
  const common = { owner: localPart, algorithm: "ed25519-sha256", state: "active", grants: [] } as const;
  directory.set(localPart, [{ ...common, ...times, kid: keyId(spki), spki }]);
  return privateKey;
};
const dkim = generateKeyPairSync("ed25519");
const raw = dkim.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const dkimRecord = `v=DKIM1; k=ed25519; p=${raw.toString("base64")}`;
const dkimPem = dkim.privateKey.export({ format: "pem", type: "pkcs8" }).toString();

const user = addAccount("u1");
for (const octets of sizes) {
  const plain = crlf(volleyMessage(octets).replace("u1@example.test", `u1@${DOMAIN}`));
  const signed = signAs({ localPart: "u1", domain: DOMAIN }, user, plain);
  const files = {
    // Of a domain that wants nothing of unsigned mail.
    none: Buffer.from(plain.toString("latin1").replace(`u1@${DOMAIN}`, "u1@unsigned.example"), "latin1"),
    vsmtp: signed,
    dkim: await withDkim(plain, dkimPem),
    both: await withDkim(signed, dkimPem),
  };
  for (const [kind, message] of Object.entries(files)) {
    const file = join(folder, messageFile(kind as keyof typeof files, octets));
    writeFileSync(file, message.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  }
}
const dns = new DnsServer({ ttlSeconds: 300 });
addDomain(DOMAIN);
dns.set(DOMAIN, { MX: [[10, `mx.${DOMAIN}`]], TXT: ["v=spf1 ip4:127.0.0.1 -all"] });
dns.set(`mx.${DOMAIN}`, { A: ["127.0.0.1"] });
mkdirSync(join(folder, "cold"));
const domains = Math.ceil(Number(coldMessages) / ACCOUNTS_PER_DOMAIN);
for (let index = 0; index < Number(coldMessages); index++) {
  const address = { localPart: `c${index}`, domain: `d${index % domains}.${DOMAIN}` };
  if (index < domains) addDomain(address.domain);
  const from = `${address.localPart}@${address.domain}`;
  const plain = crlf(volleyMessage(2048).replace("u1@example.test", from));
  writeFileSync(join(folder, coldFile(index)), signAs(address, addAccount(address.localPart), plain));
}

dns.set(`_dmarc.${DOMAIN}`, { TXT: ["v=DMARC1; p=reject"] });
dns.set(dkimName, { TXT: [dkimRecord] });
const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
const names = [{ type: 2 as const, value: `mx.${DOMAIN}` }];
const { cert, private: key } = await generate([{ name: "commonName", value: `mx.${DOMAIN}` }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: names }],
});
const caFile = join(folder, "ca.pem");
writeFileSync(caFile, cert);
const secureContext = createSecureContext({ cert, key });
const server = new KeyServer({
  directory: directoryOf(directory),
  secureContext: () => secureContext,
  decoySecret: Buffer.alloc(32),
  limits: { costPerMinute: Number.POSITIVE_INFINITY },
});
const { port: keyPort } = await server.listen(0, "127.0.0.1");
const ready: KeysReady = { dnsPort, keyPort, caFile, dkimRecord };
announce(ready, async () => {
  await server.close(0);
  await dns.close();
});

function addDomain(name: string): void {
  dns.set(name, { MX: [[10, `mx.${DOMAIN}`]] });
  dns.set(`_vsmtp.${name}`, { TXT: ["v=VSMTP1; p=reject"] });
}

function directoryOf(keys: ReadonlyMap<string, DirectoryKey[]>): KeyDirectory {
  return {
    changeCount: () => 0,
    changedSince: () => new Set(),
    domain: async () => ({ epoch: null, statementKey: null }),
    keys: async ({ localPart }) => keys.get(localPart) ?? [],
  };
}

function signAs(identity: Address, privateKey: KeyObject, message: Buffer): Buffer {
  const kid = keyId(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
  const signed = sign(message, {
    identity,
    keys: [{ kid, algorithm: "ed25519-sha256", privateKey }],
    signedAt: Math.floor(Date.now() / 1000),
  });
  if (!signed.ok) throw new Error("a sample message cannot be signed");
  return signed.message;
}

async function withDkim(message: Buffer, privateKey: string): Promise<Buffer> {
  const { signatures, errors } = await dkimSign(message, {
    canonicalization: "relaxed/relaxed",
    signingDomain: DOMAIN,
    selector: "ed25519",
    privateKey,
    algorithm: "ed25519-sha256",
  });
  if (errors.length > 0) throw errors[0];
  return Buffer.concat([Buffer.from(signatures, "latin1"), message]);
}

function crlf(text: string): Buffer {
  return Buffer.from(text.replaceAll("\n", "\r\n"), "latin1");
}
