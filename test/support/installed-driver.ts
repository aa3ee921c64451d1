// Runs the examples in a project that has nothing but the packed program, nodemailer and mailparser installed:
// test/package.test.ts puts both there. It says what came of them in one line of JSON.
import { createReadStream, readFileSync } from "node:fs";
import { CachingResolver, decodeAddress, KeyLookup, StubResolver } from "vsmtp";
import { openBorder, takeMessage } from "../../examples/act-as-a-border.ts";
import { lookUpKey } from "../../examples/look-up-key.ts";
import { vaultTransporter } from "../../examples/sign-by-vault.ts";
import { signingTransporter } from "../../examples/sign-with-nodemailer.ts";
import { verifyMaildir } from "../../examples/verify-maildir.ts";
import { verifyStream } from "../../examples/verify-stream.ts";
import { parseAndVerify } from "../../examples/verify-while-parsing.ts";

/** What the test has set up. */
export interface World {
  readonly dnsPort: number;
  readonly keyPort: number;
  readonly authority: string;
  readonly relay: string;
  readonly keyFile: string;
  readonly kid: string;
  readonly vaultSocket: string;
  readonly maildir: string;
  readonly message: string;
}

const [job, worldFile = ""] = process.argv.slice(2);
const world: World = JSON.parse(readFileSync(worldFile, "utf8"));
const mail = {
  from: "allice@someisp.test",
  to: "bob@dest.test",
  bcc: "eve@dest.test",
  subject: "Lunch – today?",
};

const resolver = new StubResolver({ servers: [{ address: "127.0.0.1", port: world.dnsPort }] });
const keys = new KeyLookup({
  resolver: new CachingResolver(resolver),
  ca: [world.authority],
  port: world.keyPort,
  allowPrivateAddresses: true,
});

async function send(): Promise<unknown> {
  const transporter = signingTransporter(mail.from, world.keyFile, world.relay);
  const { accepted } = await transporter.sendMail({ ...mail, text: "Noon, as usual?\n" });
  transporter.close();
  const byVault = vaultTransporter(world.vaultSocket, world.relay);
  const vaulted = await byVault.transporter.sendMail({
    ...mail,
    to: "dave@dest.test",
    bcc: [],
    text: "And you?\n",
  });
  await byVault.close();
  return { accepted, vaulted: vaulted.accepted };
}

async function read(): Promise<unknown> {
  const maildir: string[] = [];
  for await (const { verdict } of verifyMaildir(world.maildir, keys)) maildir.push(verdict.detail);
  const stream = await verifyStream(createReadStream(world.message), ["bob@dest.test"], keys);
  const { mail: parsed, verdict } = await parseAndVerify(createReadStream(world.message), keys);
  const border = await openBorder("mx.dest.test", keys, resolver);
  const taken = await takeMessage(border, () => createReadStream(world.message), {
    client: { address: "127.0.0.1", helo: "mail.someisp.test" },
    reversePath: mail.from,
    recipients: [decodeAddress("bob@dest.test")],
  });
  return {
    border: "refused" in taken ? taken.refused : [taken.action, Buffer.from(taken.header).toString()],
    maildir,
    stream: [stream.result, stream.rcpt],
    parsed: [verdict.result, verdict.identity, parsed.subject],
    lookup: (await lookUpKey(mail.from, world.kid, keys)).at(-1),
  };
}

console.log(JSON.stringify(job === "send" ? await send() : await read()));
keys.close();
