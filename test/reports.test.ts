import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import { newMessageId } from "../src/queue/index.ts";
import { aggregateMail, packAggregateReport } from "../src/reports/index.ts";
import { report } from "../src/reports/test-reports.ts";
import { openMailLogStore } from "../src/store/index.ts";
import { type Authority, createAuthority } from "./support/certificates.ts";
import { vsmtp } from "./support/program.ts";
import { type Places, ProviderHere } from "./support/provider-here.ts";

// Two providers: mail of one comes to the other, which reports of it; what the first has of that report; and complaints.

const LOOPBACK = "127.0.0.1";
const dns = new DnsServer({ ttlSeconds: 0 });
const places: Places = new Map();
const DAY_MS = 86_400_000;
let authority: Authority;
let someisp: ProviderHere;
let dest: ProviderHere;

async function startProvider(domain: string, address: string, reports: string): Promise<ProviderHere> {
  const host = `mx.${domain}`;
  dns.set(domain, { MX: [[10, host]] });
  dns.set(host, { A: [address] });
  const settings = `roles = ["submission", "key-server", "mx", "delivery"]
[submission]
listen = [{ address = "${LOOPBACK}:0", tls = "implicit" }]
[key_server]
listen = ["${LOOPBACK}:0"]
[mx]
listen = ["${LOOPBACK}:0"]
[[domains]]
name = "${domain}"
maildir_root = "mail"
mailboxes = { allice = "all", bob = "all", abuse = "all" }
[reports]
${reports}
`;
  const { port } = await dnsPlace;
  const provider = await ProviderHere.start(host, settings, { authority, dnsPort: port, places });
  places.set(`${host}:25`, { host: LOOPBACK, port: provider.port("mx") });
  places.set(`${host}:8757`, { host: LOOPBACK, port: provider.port("key-server") });
  assert.ok((await provider.keyring.addDomain(domain)).ok);
  return provider;
}

const dnsPlace = dns.listen(0, LOOPBACK);

before(async () => {
  authority = await createAuthority();
  someisp = await startProvider("someisp.test", "8.8.4.1", 'receive = ["vsmtp-reports@someisp.test"]');
  dest = await startProvider("dest.test", "8.8.4.2", "send = true");
  dns.set("_vsmtp.someisp.test", {
    TXT: ["v=VSMTP1; p=reject; rua=mailto:vsmtp-reports@someisp.test"],
  });
  assert.ok((await someisp.keyring.addAccount({ address: "allice@someisp.test", password: "secret" })).ok);
});

after(async () => {
  await Promise.all([someisp.stop(), dest.stop()]);
  await dns.close();
});

async function submit(subject: string, to = "bob@dest.test"): Promise<void> {
  const client = createTransport({
    host: LOOPBACK,
    port: someisp.port("submission"),
    secure: true,
    auth: { user: "allice@someisp.test", pass: "secret" },
    tls: { ca: authority.cert, servername: "mx.someisp.test" },
  });
  await client.sendMail({ from: "allice@someisp.test", to, subject, text: "Noon?" });
}

/** Hands a message to an MX as a stranger does. @returns its answer */
async function inject(
  provider: ProviderHere,
  message: string | Buffer,
  to: string,
  from = "",
): Promise<string> {
  const client = createTransport({ host: LOOPBACK, port: provider.port("mx"), ignoreTLS: true });
  try {
    const { response } = await client.sendMail({ raw: message, envelope: { from, to: [to] } });
    return response;
  } catch (error) {
    return (error as { response?: string }).response ?? String(error);
  }
}

async function until<T>(look: () => T | null | undefined | false, what: string): Promise<T> {
  for (let tries = 0; ; tries++) {
    const found = look();
    if (found) return found;
    assert.ok(tries < 500, `not within 10 s: ${what}`);
    await sleep(20);
  }
}

function stored(provider: ProviderHere, mark: string): string | null {
  const folder = join(provider.folder, "data", "mail", "all", "new");
  const files = ((): string[] => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  })();
  return (
    files.map((name) => join(folder, name)).find((file) => readFileSync(file, "latin1").includes(mark)) ??
    null
  );
}

async function command(provider: ProviderHere, ...args: string[]): Promise<Record<string, unknown>[]> {
  const ran = await vsmtp([...args, "--json", "--config", join(provider.folder, "vsmtp.toml")]);
  assert.equal(ran.status, 0, `vsmtp ${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** What came today came yesterday: reports are about days that are over. */
async function passADay(provider: ProviderHere, messages: number): Promise<void> {
  const log = await openMailLogStore(join(provider.folder, "data", "mail-log.sqlite"));
  const received = async () =>
    (await log.search({ direction: "in" }, 100)).filter((one) => one.direction === "in");
  let entries = await received();
  for (let tries = 0; entries.length < messages && tries < 250; tries++) {
    await sleep(20);
    entries = await received();
  }
  assert.equal(entries.length, messages);
  const at = Date.now() - DAY_MS;
  await log.add({
    received: entries.map((entry) => ({ ...entry, id: newMessageId(at), at })),
    delivered: [],
  });
  await log.close();
}

test("REP-1, REP-8: who asks for reports hears of mail in its name, and can read what it was told", async () => {
  await submit("Lunch");
  await until(() => stored(dest, "Subject: Lunch"), "Lunch");
  const forged = "From: <allice@someisp.test>\r\nSubject: Forged\r\n\r\nMoney, please.\r\n";
  assert.match(await inject(dest, forged, "bob@dest.test", "x@evil.test"), /^550 5\.7\.1 /);
  await passADay(dest, 2);

  const [due] = await command(dest, "report", "send", "--dry-run");
  assert.deepEqual(
    [due?.domain, due?.to, due?.messages, due?.sent],
    ["someisp.test", "vsmtp-reports@someisp.test", 2, null],
  );
  const [sent] = await command(dest, "report", "send");
  assert.deepEqual([sent?.domain, sent?.sent, sent?.problem], ["someisp.test", true, null]);
  await until(() => someisp.log.find(({ msg }) => msg === "report taken"), "report taken");
  assert.deepEqual(await command(dest, "report", "send"), [], "each but once");

  const [shown, ...more] = await command(someisp, "report", "show");
  assert.deepEqual(more, []);
  assert.deepEqual([shown?.reporter, shown?.domain, shown?.policy], ["dest.test", "someisp.test", "reject"]);
  const rows = shown?.rows as Record<string, unknown>[];
  assert.deepEqual(
    rows
      .map(({ result, reason, align, ip, count, action, override }) => {
        return { result, reason, align, ip, count, action, override };
      })
      .sort((a, b) => (String(a.result) < String(b.result) ? -1 : 1)),
    [
      {
        result: "none",
        reason: "unsigned",
        align: null,
        ip: LOOPBACK,
        count: 1,
        action: "reject",
        override: null,
      },
      {
        result: "pass",
        reason: null,
        align: "from",
        ip: LOOPBACK,
        count: 1,
        action: "deliver",
        override: null,
      },
    ],
  );
  assert.ok(!JSON.stringify(rows).includes("bob"), "REP-2");
});

test("REP-8: the mail that brought a report is in no report", async () => {
  dns.set("_vsmtp.dest.test", { TXT: ["v=VSMTP1; rua=mailto:abuse@dest.test"] });
  await passADay(someisp, 1);
  assert.deepEqual(await command(someisp, "report", "send", "--dry-run"), []);
});

test("REP-8: a report that nobody signed is refused, and other mail finds no mailbox there", async () => {
  const options = {
    from: "mailer-daemon@dest.test",
    to: "vsmtp-reports@someisp.test",
    hostname: "mx.dest.test",
    now: Date.now(),
    id: "forged",
  };
  const forged = report({
    begin: Math.floor(Date.now() / 1000) - 90_000,
    end: Math.floor(Date.now() / 1000) - 3600,
  });
  const mail = aggregateMail(forged, packAggregateReport(forged), options);
  const refused = /^550 5\.7\.1 VSMTP\/unsigned /;
  assert.match(await inject(someisp, mail, "vsmtp-reports@someisp.test"), refused);
  assert.match(await inject(someisp, mail, "Vsmtp-Reports@someisp.test", "x@evil.test"), refused);
  assert.equal((await command(someisp, "report", "show")).length, 1);
  // Proved, and no report.
  await submit("Hello", "vsmtp-reports@someisp.test");
  const { detail } = await until(() => someisp.log.find(({ msg }) => msg === "no report"), "no report");
  assert.equal(detail, "a report counts from a verified sender only");
  await until(() => someisp.log.find(({ msg }) => msg === "reported"), "its author is told");
});

test("REP-4: a complaint of a message in a mailbox comes to abuse@ of who sent it, and passes there", async () => {
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  await submit("Pills");
  const spam = await until(() => stored(dest, "Subject: Pills"), "Pills");
  const [queued] = await command(dest, "report", "spam", spam);
  assert.deepEqual([queued?.identity, queued?.to], ["allice@someisp.test", "abuse@someisp.test"]);
  const file = await until(() => stored(someisp, "Feedback-Type: abuse"), "the complaint");
  const complaint = readFileSync(file, "latin1");
  assert.match(complaint, /vsmtp=pass header\.i=mailer-daemon@dest\.test/);
  assert.match(complaint, /\r\nVSMTP-Identity: allice@someisp\.test\r\nVSMTP-Key-Id: [\w-]{22}\r\n/);
  assert.match(complaint, /\r\nContent-Type: message\/rfc822\r\n[\s\S]*\r\nSubject: Pills\r\n/);
  // What was written above it here, of our user, is not told.
  assert.ok(
    !/Delivered-To: bob|by mx\.dest\.test with/.test(complaint.slice(complaint.indexOf("message/rfc822"))),
  );
});

test("REP-4: a complaint to an address for reports that is no mailbox comes to who reads complaints", async () => {
  dns.set("_vsmtp.someisp.test", {
    TXT: ["v=VSMTP1; p=reject; rua=mailto:vsmtp-reports@someisp.test"],
  });
  await submit("More pills");
  const spam = await until(() => stored(dest, "Subject: More pills"), "More pills");
  const [queued] = await command(dest, "report", "spam", spam);
  assert.equal(queued?.to, "vsmtp-reports@someisp.test");
  const file = await until(() => stored(someisp, "Subject: More pills"), "the complaint");
  const complaint = readFileSync(file, "latin1");
  assert.match(complaint, /\r\nDelivered-To: abuse@someisp\.test\r\n/);
  assert.match(complaint, /vsmtp=pass header\.i=mailer-daemon@dest\.test/);
});
