import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DnsServer } from "../src/dns/index.ts";
import { CommandLine } from "./support/command-line.ts";

// vsmtp policy: what the settings, and what the DNS says, would do with mail.

const dns = new DnsServer();
let cli: CommandLine;

before(async () => {
  const { port } = await dns.listen(0, "127.0.0.1");
  dns.set("_vsmtp.strict.test", { TXT: ["v=VSMTP1; p=quarantine; sp=reject"] });
  dns.set("_vsmtp.tested.test", { TXT: ["v=VSMTP1; p=reject; t=y"] });
  dns.fail("_vsmtp.broken.test", "SERVFAIL");
  cli = new CommandLine(
    `[[domains]]
name = "dest.test"
catch_all = "all"
[[domains]]
name = "few.test"
mailboxes = { bob = "bob" }
stage = "require"
senders = [{ domain = "strict.test", actions = { unsigned = "tag" } }]
[policy]
trusted = [{ name = "lists", client = ["192.0.2.0/24"] }]
[network]
resolvers = ["127.0.0.1:${port}"]`,
    ["mx", "delivery"],
  );
});
after(async () => {
  await dns.close();
  cli.remove();
});

/** The row of a result or reason: `reject 550 5.7.1 policy strict.test`. */
async function row(line: string, outcome: string): Promise<string> {
  const rows = await cli.objects(`policy ${line}`);
  assert.equal(rows.length, 15);
  const found = rows.find(({ result, reason }) => outcome === (reason ?? result));
  const { action, code, enhanced, decided_by, because } = found ?? {};
  return [action, code, enhanced, decided_by, because].filter((word) => word !== null).join(" ");
}

test("each verdict with its action, answer and reason, for people", async () => {
  await cli.does(
    "policy alice@strict.test bob@dest.test",
    /^Mail From strict\.test to bob@dest\.test, stage enforce\. strict\.test wants p=quarantine\.\n\nRESULT +REASON +ACTION +ANSWER +WHY\npass +– +deliver +250 +stage enforce\n[\s\S]*\nnone +unsigned +quarantine +250 +policy of strict\.test\n[\s\S]*\nfail +revoked +reject +550 5\.7\.5 +stage enforce\n/,
  );
  await cli.does(
    "policy mail.strict.test bob@dest.test",
    /strict\.test wants p=reject for what is below it\./,
  );
  await cli.does(
    "policy tested.test bob@dest.test",
    /wants p=reject, and only tests it: it does not count\./,
  );
  await cli.does("policy other.test bob@dest.test", /other\.test publishes no policy\./);
});

test("for programs, by sender, recipient and client", async () => {
  assert.equal(await row("strict.test bob@dest.test", "unsigned"), "quarantine policy strict.test");
  assert.equal(
    await row("mail.strict.test bob@dest.test", "unsigned"),
    "reject 550 5.7.1 policy strict.test",
  );
  assert.equal(await row("tested.test bob@dest.test", "unsigned"), "deliver stage");
  assert.equal(await row("--client 192.0.2.7 strict.test bob@dest.test", "body"), "deliver trusted lists");
  assert.equal(await row("--client 192.0.3.7 strict.test bob@dest.test", "pass"), "deliver stage");
  const why = "tag override domains[few.test].senders[strict.test].actions.unsigned";
  assert.equal(await row("strict.test bob@few.test", "unsigned"), why);
  assert.equal(
    await row("other.test bob@few.test", "unsigned"),
    "reject 550 5.7.1 stage domains[few.test].stage",
  );
});

test("what cannot be told is said", async () => {
  const { status, stdout } = await cli.run("policy broken.test bob@dest.test");
  assert.equal(status, 75);
  assert.match(stdout, /cannot be looked up now: signed mail that depends on it is answered 451/);
  await cli.refuses(
    "policy strict.test bob@other.test",
    /other\.test is no domain of these settings; they have dest\.test, few/,
  );
  await cli.refuses("policy strict.test eve@few.test", /eve@few\.test has no mailbox here/);
  await cli.refuses("policy 12..3 bob@dest.test", /"12\.\.3" is neither an address nor a domain/);
  await cli.refuses("policy strict.test bob@dest.test --client x", /must be an IPv4 or IPv6 address/);
});
