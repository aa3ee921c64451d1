import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Talker } from "../src/smtp/test-peers.ts";
import { Dovecot, missingDovecot } from "./support/peers/dovecot.ts";
import { missingHaproxy, startHaproxy } from "./support/peers/haproxy.ts";
import { missingOpenSmtpd } from "./support/peers/opensmtpd.ts";
import { giveFolders, inOwnView, writeBasics } from "./support/peers/own-view.ts";
import { makePeerFolder } from "./support/peers/peer-folder.ts";
import { PeerProcess } from "./support/peers/peer-process.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { makePostfixFolder } from "./support/peers/postfix-master.ts";
import { missingInOwnView, unpacked } from "./support/peers/unpacked.ts";
import type { ProviderHere } from "./support/provider-here.ts";
import { startRecipeDovecot, startRecipePostfix } from "./support/recipe-servers.ts";
import { alice, outside, password, RecipeWorld } from "./support/recipe-world.ts";
import { RecipePlaces, readRecipes } from "./support/recipes.ts";

// Each recipe of docs/gateways.md, with the servers that it is for.

const recipes = readRecipes();
const tried: string[] = [];
const vsmtpToml = "/etc/vsmtp/vsmtp.toml";

let world: RecipeWorld;

before(async () => {
  world = await RecipeWorld.start();
});
after(() => world?.stop());

interface Kitchen {
  /** A file of the recipe, with the ports that there are here. */
  file(path: string): string;
  readonly port: (name: string) => number;
  /** Ends with the test; what it wrote is shown when that fails. */
  keep<Peer extends PeerProcess | Dovecot>(peer: Peer): Peer;
  /** Starts VSMTP with the recipe's settings, and these. */
  vsmtp(change?: (settings: string) => string): Promise<ProviderHere>;
}

function tryRecipe(title: string, skip: string | false, work: (kitchen: Kitchen) => Promise<void>): void {
  tried.push(title);
  test(title, { skip }, async (t: TestContext) => {
    const recipe = recipes.get(title) ?? assert.fail("the page has no such recipe");
    const places = await RecipePlaces.find();
    const peers: (PeerProcess | Dovecot)[] = [];
    const file = (path: string): string =>
      places.localize(recipe.get(path) ?? assert.fail(`the recipe has no ${path}`));
    t.after(async () => {
      for (const peer of peers) await peer.stop();
    });
    const kitchen: Kitchen = {
      file,
      port: (name) => places.port(name),
      keep: (peer) => {
        peers.push(peer);
        return peer;
      },
      vsmtp: async (change = (settings) => settings) => {
        const provider = await world.startVsmtp(change(file(vsmtpToml)));
        t.after(() => provider.stop());
        return provider;
      },
    };
    try {
      await work(kitchen);
    } catch (error) {
      for (const peer of peers) console.log(peer.log().split("\n").slice(-60).join("\n"));
      throw error;
    }
  });
}

/** The message that stands in a Maildir first. */
async function firstIn(maildir: string): Promise<string> {
  for (let left = 300; left > 0; left--) {
    const [name] = existsSync(maildir) ? readdirSync(maildir) : [];
    if (name !== undefined) return readFileSync(join(maildir, name), "latin1");
    await sleep(50);
  }
  return assert.fail(`nothing came into ${maildir}`);
}

const missingPostfixHost = missingPostfix() || missingDovecot();

tryRecipe("Postfix, by milter", missingPostfixHost, async (kitchen) => {
  const folder = makePostfixFolder();
  const [mx, submission] = [kitchen.port("25"), kitchen.port("587")];
  const inFolder = (text: string) => text.replace("/run/vsmtp/", `${folder}/`);
  await kitchen.vsmtp(inFolder);
  const dovecot = kitchen.keep(await Dovecot.start({ [alice]: 0 }));
  const postfix = await startRecipePostfix(world, {
    folder,
    mainCf: inFolder(kitchen.file("/etc/postfix/main.cf")),
    masterCf: `127.0.0.1:${mx} inet n - n - - smtpd
127.0.0.1:${submission} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
`,
    ports: [mx, submission],
    authSocket: dovecot.authSocket,
  });
  kitchen.keep(postfix);
  await world.tryVerifying(mx);
  // One copy for all, bound to those who are named in it: blind recipients among them have one verdict with the others.
  await world.trySigning({ port: submission, user: alice, tls: "starttls" }, "mismatch");
});

tryRecipe("Postfix, before its queue", missingPostfixHost, async (kitchen) => {
  const [mx, submission] = [kitchen.port("25"), kitchen.port("587")];
  const folder = makePostfixFolder();
  writeFileSync(join(folder, "etc/senders"), kitchen.file("/etc/postfix/senders"));
  const dovecot = kitchen.keep(await Dovecot.start({ [alice]: 0 }));
  const postfix = await startRecipePostfix(world, {
    folder,
    mainCf: kitchen.file("/etc/postfix/main.cf"),
    masterCf: kitchen.file("/etc/postfix/master.cf"),
    ports: [mx, submission],
    authSocket: dovecot.authSocket,
  });
  kitchen.keep(postfix);
  await kitchen.vsmtp();
  await world.tryVerifying(mx);
  const user = { port: submission, user: alice, tls: "starttls" } as const;
  await world.trySigning(user);
  // The reverse path is bound to the login, and From to the account.
  const [boss, to, text] = ["boss@example.org", "bob@dest.test", "x"];
  await assert.rejects(world.submit(user, { from: boss, to, text }), /553 5\.7\.1/);
  const envelope = { from: alice, to };
  await assert.rejects(world.submit(user, { envelope, from: boss, to, text }), /550 5\.7\.1/);
});

const exim = "exim4-daemon-heavy/usr/sbin/exim4";

tryRecipe("Exim", missingInOwnView("Exim", exim), async (kitchen) => {
  const folder = makePeerFolder("exim", ["etc/exim4", "var/spool/exim4", "var/log/exim4"]);
  writeBasics(folder, { "Debian-exim": 931 });
  giveFolders(folder, 931, ["var/spool/exim4", "var/log/exim4"]);
  writeFileSync(join(folder, "etc/services"), "smtp 25/tcp\n");
  const { cert, key } = await world.certificate();
  writeFileSync(join(folder, "etc/cert.pem"), cert);
  writeFileSync(join(folder, "etc/key.pem"), key, { mode: 0o600 });
  chownSync(join(folder, "etc/key.pem"), 931, 931);
  writeFileSync(
    join(folder, "etc/exim4/exim4.conf"),
    `exim_path = ${unpacked(exim)}
primary_hostname = mx1.example.org
log_file_path = /var/log/exim4/%slog
keep_environment =
domainlist local_domains = example.org
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_message
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
host_lookup =
rfc1413_hosts =
smtp_accept_queue_per_connection = 0
${kitchen.file("/etc/exim4/vsmtp-main")}
begin acl
check_recipient:
  accept hosts = +relay_from_hosts
  accept authenticated = *
  accept domains = +local_domains
  deny message = relay not permitted
check_message:
  accept

begin routers
${kitchen.file("/etc/exim4/vsmtp-router")}
local:
  driver = manualroute
  domains = +local_domains
  route_list = * 127.0.0.1::${world.sink.port} byname
  self = send
  transport = smtp
outbound:
  driver = manualroute
  route_list = * 127.0.0.1::${world.site.port} byname
  self = send
  transport = smtp

begin transports
${kitchen.file("/etc/exim4/vsmtp-transport")}
smtp:
  driver = smtp
  hosts_try_dane =

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{alice}}{eq{$auth3}{${password}}}}}
  server_set_id = $auth2
  server_advertise_condition = \${if def:tls_in_cipher}

begin retry
* * F,1h,5s
`,
  );
  const process = await PeerProcess.start({
    name: "Exim",
    folder,
    command: inOwnView(folder, [unpacked(exim), "-bdf", "-q10s"]),
    ports: [kitchen.port("587")],
    logs: ["var/log/exim4/mainlog", "var/log/exim4/paniclog"],
  });
  kitchen.keep(process);
  await kitchen.vsmtp();
  await world.tryVerifying(kitchen.port("25"));
  await world.trySigning({ port: kitchen.port("587"), user: "alice", tls: "starttls" });
});

tryRecipe("OpenSMTPD", missingOpenSmtpd(), async (kitchen) => {
  const folder = makePeerFolder("opensmtpd", [
    "etc/mail",
    "var/spool/smtpd",
    "var/run",
    "var/mail",
    "var/empty",
    "var/lib/opensmtpd/empty",
  ]);
  chmodSync(join(folder, "var/spool/smtpd"), 0o711);
  writeBasics(folder, { opensmtpd: 932, opensmtpq: 933 });
  // Debian 12's has no working TLS, so that nobody can log in: what is tried is the mail of local programs.
  writeFileSync(
    join(folder, "etc/smtpd.conf"),
    `listen on 127.0.0.1 port ${kitchen.port("587")} hostname mx1.example.org
action "local" relay host smtp://127.0.0.1:${world.sink.port}
action "relay" relay host smtp://127.0.0.1:${world.site.port}
${kitchen.file("/etc/mail/smtpd.conf")}`,
  );
  const process = await PeerProcess.start({
    name: "OpenSMTPD",
    folder,
    command: inOwnView(folder, [unpacked("opensmtpd/usr/sbin/smtpd"), "-d"]),
    ports: [kitchen.port("587"), kitchen.port("10028")],
  });
  kitchen.keep(process);
  await kitchen.vsmtp();
  await world.tryVerifying(kitchen.port("25"));
  await world.trySigning({ port: kitchen.port("587"), user: null, tls: "none" });
});

const missingSubmission =
  missingDovecot() ||
  (existsSync("/usr/lib/dovecot/submission")
    ? false
    : "peer: Dovecot's submission server is not installed (apt-get install dovecot-submissiond)");

for (const title of ["Dovecot's submission server", "Dovecot's submission server, and nothing behind it"]) {
  tryRecipe(title, missingSubmission, async (kitchen) => {
    // Where it is, the mail server behind the proxy is the MX of dest.test itself.
    await kitchen.vsmtp((settings) =>
      settings.replace(/^next_hop = .*/m, `next_hop = "127.0.0.1:${world.site.port}"`).concat(world.routes),
    );
    const port = kitchen.port("587");
    kitchen.keep(await startRecipeDovecot(kitchen.file("/etc/dovecot/conf.d/99-vsmtp.conf"), port));
    await world.trySigning({ port, user: "alice", tls: "none" });
  });
}

tryRecipe("Dovecot's mailboxes, by LMTP", missingDovecot(), async (kitchen) => {
  const dovecot = await startRecipeDovecot(kitchen.file("/etc/dovecot/conf.d/99-vsmtp.conf"), null);
  kitchen.keep(dovecot);
  await kitchen.vsmtp((settings) => settings.replace("/run/dovecot/", `${dovecot.folder}/run/`));
  await world.tryVerifying(kitchen.port("25"), (recipient) =>
    firstIn(join(dovecot.folder, "mail", recipient.split("@")[0] as string, "new")),
  );
});

tryRecipe("haproxy", missingHaproxy(), async (kitchen) => {
  const vsmtp = await kitchen.vsmtp((settings) =>
    settings.replace(/^maildir_root.*/m, '$&\ncatch_all = "all"').concat(world.routes),
  );
  kitchen.keep(await startHaproxy(kitchen.file("/etc/haproxy/haproxy.cfg"), [kitchen.port("25")]));
  await world.tryVerifying(kitchen.port("25"), () =>
    firstIn(join(vsmtp.folder, "data/mail/example.org/all/new")),
  );
  await world.trySigning({ port: kitchen.port("465"), user: alice, tls: "implicit" });
  assert.ok(vsmtp.log.some(({ remote, via }) => remote === outside && via === "127.0.0.1"));
  const past = await Talker.connect(kitchen.port("10.0.0.7:25"));
  past.send("EHLO past.haproxy.test\r\n");
  assert.equal(await past.rest(), "", "nobody comes past it");
  assert.ok(vsmtp.log.some(({ msg }) => msg === "proxy-header-missing"));
});

test("each recipe of the page is tried", () => {
  assert.deepEqual(tried.toSorted(), [...recipes.keys()].toSorted());
});
