import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createTransport } from "nodemailer";
import { author, border, MilterSites, missingMilters, straight, stranger } from "./support/milter-sites.ts";
import { letter, milterSuite } from "./support/milter-suite.ts";
import { makeDkimKey, type PeerMilter } from "./support/peers/milter.ts";
import { startOpenDkim } from "./support/peers/opendkim.ts";
import { makePeerFolder } from "./support/peers/peer-folder.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { PostfixHost } from "./support/peers/postfix-host.ts";
import { startRspamd } from "./support/peers/rspamd.ts";

// Our milter in real Postfix, beside OpenDKIM and rspamd; then what only Postfix has.

milterSuite({
  name: "Postfix",
  skip: missingPostfix(),
  start: (settings) => PostfixHost.start(settings),
  cannot: [],
  loses: [],
});

const skip = missingPostfix() || missingMilters();
const versions = [2, 3, 4, 6] as const;
type Service = `version ${(typeof versions)[number]}` | "socket" | "careless rspamd" | "careless OpenDKIM";
let sites: MilterSites;
let postfix: PostfixHost<Service>;
let socketFolder: string;
const careless: PeerMilter[] = [];

before(async () => {
  if (skip) return;
  socketFolder = makePeerFolder("milter", []);
  const socket = join(socketFolder, "milter.sock");
  sites = await MilterSites.start(socket);
  const milters = [sites.milterPort("sender")];
  const versioned = versions.map((version) => [
    `version ${version}`,
    { milters, clients: "logins", milterProtocol: version },
  ]);
  const key = makeDkimKey("someisp.test", "careless", "rsa");
  const [rspamd, opendkim] = await Promise.all([
    startRspamd({ key, records: {} }, false),
    startOpenDkim({ key, records: {}, authservId: border }),
  ]);
  careless.push(rspamd, opendkim);
  const behindOurs = (port: number) =>
    ({ milters: [sites.milterPort("receiver"), port], clients: "anybody" }) as const;
  postfix = await PostfixHost.start<Service>({
    hostname: "mail.someisp.test",
    services: {
      ...Object.fromEntries(versioned),
      socket: { milters: [socket], clients: "logins" },
      "careless rspamd": behindOurs(rspamd.port),
      "careless OpenDKIM": behindOurs(opendkim.port),
    },
    nextHops: { [straight]: sites.sinkPort },
    account: sites.account,
    localMilters: milters,
  });
});
after(async () => {
  await postfix?.stop();
  await Promise.all(careless.map((milter) => milter.stop()));
  await sites?.stop();
  if (socketFolder !== undefined) rmSync(socketFolder, { recursive: true, force: true });
});

async function assertSigned(recipient: string): Promise<void> {
  const text = (await sites.arrived(recipient)).toString("latin1");
  assert.match(text, /^VSMTP-Signature:/m, text + postfix.log() + sites.log());
}

const clientOf = (service: Service, user: string) =>
  createTransport({
    host: "127.0.0.1",
    port: postfix.ports[service],
    ignoreTLS: true,
    auth: { user, pass: sites.account.password },
  });

const services: readonly Service[] = [...versions.map((version) => `version ${version}` as const), "socket"];
for (const service of services) {
  test(`Postfix: our milter signs over ${service} of the protocol`, { skip }, async () => {
    const recipient = `${service.replace(" ", "-")}@${straight}`;
    const client = clientOf(service, author);
    const envelope = { from: author, to: recipient };
    await client.sendMail({ raw: letter(recipient), envelope });
    await client.sendMail({
      raw: letter(`again-${recipient}`),
      envelope: { ...envelope, to: `again-${recipient}` },
    });
    await assertSigned(recipient);
    await assertSigned(`again-${recipient}`);
  });
}

test("Postfix: our milter signs what programs of its host submit", { skip }, async () => {
  const recipient = `local@${straight}`;
  postfix.sendmail(author, [recipient], letter(recipient));
  await assertSigned(recipient);
});

test("Postfix: who has logged in there, and has no account of ours, is not signed for", {
  skip,
}, async () => {
  const recipient = `unsigned@${straight}`;
  const raw = letter(recipient).toString().replace(author, stranger);
  const envelope = { from: stranger, to: recipient };
  await clientOf("version 6", stranger).sendMail({ raw, envelope });
  assert.doesNotMatch((await sites.arrived(recipient)).toString("latin1"), /^VSMTP-Signature:/m);
});

// What docs/milter.md warns of; the suite has both with the settings that it tells.
for (const service of ["careless rspamd", "careless OpenDKIM"] as const) {
  test(`Postfix: ${service} behind our milter removes what that found`, { skip }, async () => {
    const recipient = `${service.replace(" ", "-")}@${straight}`;
    const client = createTransport({ host: "127.0.0.1", port: postfix.ports[service], ignoreTLS: true });
    const raw = letter(recipient).toString().replace(author, "eve@nowhere.test");
    await client.sendMail({ raw, envelope: { from: "eve@nowhere.test", to: recipient } });
    const text = (await sites.arrived(recipient)).toString("latin1");
    assert.match(text, /^Authentication-Results: /m);
    assert.doesNotMatch(text, /vsmtp=/);
  });
}
