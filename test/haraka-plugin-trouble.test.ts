import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HarakaSite, password } from "./support/haraka-site.ts";
import { harakaConfig, missingHaraka } from "./support/peers/haraka-program.ts";

// What a real Haraka with the plugin does when the vault, the disk or the settings are not as they should be, and what it
// does by other settings.

const skip = missingHaraka();
const allice = "allice@someisp.test";
const unsigned = `From: ${allice}\r\nTo: x@sink.test\r\nSubject: Hi\r\n\r\nHi\r\n`;

let site: HarakaSite;

before(async () => {
  if (skip) return;
  site = await HarakaSite.start();
  await site.socketIsThere("powerless");
});

after(() => site?.stop());

/** Ends what was started for one test. */
async function withHaraka(
  haraka: Promise<Awaited<ReturnType<HarakaSite["startMx"]>>>,
  run: (log: () => string, folder: string) => Promise<void>,
): Promise<void> {
  const started = await haraka;
  try {
    await run(() => started.log(), started.folder);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${started.log().slice(-8000)}`, { cause: error });
  } finally {
    await site.stopHaraka(started);
  }
}

async function arrived(recipient: string): Promise<string> {
  const text = (await site.sink.take([recipient])).get(recipient);
  assert.ok(text, `nothing came for ${recipient}`);
  return text.toString("latin1");
}

const nothingCameFor = async (...recipients: string[]) =>
  assert.deepEqual([...(await site.sink.take(recipients, 500)).keys()], []);

const submit = (to: readonly string[], more: { user?: string | null; text?: string } = {}) =>
  site.submit({ octets: Buffer.from(more.text ?? unsigned), from: allice, to, user: more.user ?? "allice" });

test("the vault is away: 451, and nothing goes out unsigned; it is back, and so is mail (SUB-6)", {
  skip,
}, async () => {
  await withHaraka(site.startSubmission(), async (log) => {
    const [kept, ended] = [site.keepClient(), site.keepClient()];
    const hi = { octets: Buffer.from(unsigned), from: allice, to: ["kept@sink.test"] };
    await kept.send(hi);
    await arrived("kept@sink.test");
    await site.stopVault();
    await assert.rejects(submit(["away@sink.test"]), /451 4\.4\.3 The message cannot be signed now/);
    await assert.rejects(ended.send(hi), /451 4\.4\.3/);
    assert.match(log(), /the vault does not answer: no connection to the vault at .*haraka\.sock/);
    await nothingCameFor("away@sink.test", "kept@sink.test");
    await site.startVault();
    await site.socketIsThere("haraka");
    await sleep(2500); // it tries again every two seconds
    await submit(["away@sink.test"]);
    assert.match(await arrived("away@sink.test"), /^VSMTP-Signature: /m);
    // A client that stayed connected: his login at the vault is gone, and made anew.
    await kept.send(hi);
    assert.match(await arrived("kept@sink.test"), /^VSMTP-Signature: /m);
    assert.match(log(), /the vault answers again/);
    for (const client of [kept, ended]) client.close();
  });
});

test("a server that may not assert users is no reason to send their mail unsigned", { skip }, async () => {
  const ini = `vault=unix:${site.socket("powerless")}\n`;
  await withHaraka(site.startSubmission({ ini }), async (log) => {
    await assert.rejects(submit(["x@sink.test"]), /451 4\.4\.3 /);
    assert.match(log(), /this server is enrolled without --assert/);
    await nothingCameFor("x@sink.test");
  });
});

test("users log in at the vault, and no right to assert anybody is needed", { skip }, async () => {
  const options = {
    ini: `auth=true\nvault=unix:${site.socket("powerless")}\n`,
    plugins: "tls\nvsmtp\nroutes\n",
  };
  await withHaraka(site.startSubmission(options), async (log, folder) => {
    for (const user of ["allice", allice]) {
      await submit(["x@sink.test"], { user });
      assert.match(await arrived("x@sink.test"), /^VSMTP-Signature: .*i=allice@someisp\.test;/m);
    }
    await assert.rejects(
      submit(["x@sink.test"], { user: "carol" }),
      /550 5\.7\.1 allice@someisp\.test in From/,
    );
    await assert.rejects(submit(["x@sink.test"], { user: "stranger" }), /535 5\.7\.8/);
    await assert.rejects(
      submit(["x@sink.test"], { user: "suspended" }),
      /550 5\.7\.1 This account is suspended/,
    );
    const kept = site.keepClient();
    const hi = { octets: Buffer.from(unsigned), from: allice, to: ["x@sink.test"] };
    await kept.send(hi);
    await arrived("x@sink.test");
    await site.stopVault();
    await assert.rejects(submit(["x@sink.test"]), /454 4\.7\.0 Nobody can log in now/);
    await site.startVault();
    await site.socketIsThere("powerless");
    await sleep(2500);
    await assert.rejects(kept.send(hi), /421 4\.7\.0 Your login has ended/);
    await nothingCameFor("x@sink.test");
    kept.close();
    assert.ok(!log().includes(password) && existsSync(folder));
  });
});

test("a vault that hangs: 451 before Haraka itself gives up", { skip }, async () => {
  const sockets = new Set<{ destroy(): void }>();
  const hanging = createServer((socket) => void sockets.add(socket.on("error", () => {})));
  const path = site.socket("hanging");
  await new Promise<void>((resolve) => hanging.listen(path, resolve));
  const options = { ini: `vault=unix:${path}\n`, config: { "vsmtp.timeout": "3\n" } };
  await withHaraka(site.startSubmission(options), async (log) => {
    const leaving = site.keepClient();
    leaving.send({ octets: Buffer.from(unsigned), from: allice, to: ["x@sink.test"] }).catch(() => {});
    await sleep(1000);
    leaving.close();
    await assert.rejects(submit(["x@sink.test"]), /451 4\.4\.3 /);
    assert.match(log(), /\[vsmtp\] signing took too long/);
    assert.doesNotMatch(log(), /CRIT/);
    assert.doesNotMatch(log(), /timed out on hook/);
  });
  for (const socket of sockets) socket.destroy();
  hanging.close();
});

test("a disk that is full at the second copy: all copies are refused, none was sent", { skip }, async () => {
  const plugins = "tls\nauth/flat_file\nvsmtp\nroutes\nsaboteur\n";
  await withHaraka(site.startSubmission({ plugins }), async (_log, folder) => {
    const to = ["first@sink.test", "second@full.sink.test", "third@other.sink.test"];
    await assert.rejects(submit(to), /450 The message cannot be queued now: disk full/);
    await nothingCameFor(...to);
    assert.deepEqual(readdirSync(join(folder, "queue")), []);
    await submit(["first@sink.test", "third@other.sink.test"]);
    await Promise.all(["first@sink.test", "third@other.sink.test"].map(arrived));
  });
});

test("where another plugin queues there is one copy: bound to those whom To and Cc name (RCP-7)", {
  skip,
}, async () => {
  const options = {
    // A vault elsewhere, that lends keys.
    ini: `vault=127.0.0.1:${site.ports.vault}\nca_file=ca.pem\ncertificate=far.crt\nkey=far.key\nserver_spki=${site.vaultSpki}\nmode=getkey\nunknown_users=reject\n[relays]\n127.0.0.1=carol@someisp.test\n[logins]\nstranger=carol@someisp.test\n`,
    plugins: "tls\nauth/flat_file\nvsmtp\nroutes\nqueue/smtp_forward\n",
    config: { "smtp_forward.ini": `enable_outbound=true\nhost=127.0.0.1\nport=${site.sink.port}\n` },
  };
  await withHaraka(site.startSubmission(options), async () => {
    const write = (to: string, from = allice) => `From: ${from}\r\nTo: ${to}\r\n\r\nHi\r\n`;
    const visible = ["a@sink.test", "b@other.sink.test"];
    const hashes = (text: string) => / r=([^;]*);/.exec(text)?.[1]?.split(/[:,]/).length ?? 0;
    await submit(visible, { text: write(visible.join()) });
    assert.deepEqual((await Promise.all(visible.map(arrived))).map(hashes), [3, 3]);
    await submit(visible, { text: write("a@sink.test") });
    assert.deepEqual((await Promise.all(visible.map(arrived))).map(hashes), [2, 2]);
    // Who is who, by the settings.
    const carol = { text: write("x@sink.test", "carol@someisp.test") };
    for (const user of ["stranger", null]) {
      await site.submit({ octets: Buffer.from(carol.text), from: allice, to: ["x@sink.test"], user });
      assert.match(await arrived("x@sink.test"), /^VSMTP-Signature: .*i=carol@someisp\.test;/m);
    }
    await assert.rejects(
      submit(["x@sink.test"], { ...carol, user: "unknown" }),
      /550 5\.7\.1 unknown has no account that could sign this message/,
    );
  });
});

test("DKIM beside it, in either order: its signature covers ours, and both verify, for each copy", {
  skip,
}, async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const record = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  site.dns.set("s._domainkey.someisp.test", { TXT: [`v=DKIM1; p=${record}`] });
  const config = {
    "dkim.ini":
      "[sign]\nenabled=true\nselector=s\ndomain=someisp.test\nheaders=From,To,Subject,VSMTP-Signature\n[verify]\nenabled=false\n",
    "dkim.private.key": privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
  await withHaraka(site.startMx({ ini: "[verify]\nneighbours=true\n" }), async () => {
    for (const order of ["dkim\nvsmtp", "vsmtp\ndkim"]) {
      const plugins = `tls\nauth/flat_file\n${order}\nroutes\n`;
      await withHaraka(site.startSubmission({ plugins, config }), async () => {
        for (const to of [["seen@dest.test"], ["seen@dest.test", "blind@dest.test"]]) {
          await submit(to, { text: `From: ${allice}\r\nTo: seen@dest.test\r\nSubject: Hi\r\n\r\nHi\r\n` });
          for (const text of await Promise.all(to.map(arrived))) {
            assert.match(text, /;\r\n\tvsmtp=pass .*policy\.rcpt=match/);
            assert.match(text, /;\r\n\tdkim=pass header\.d=someisp\.test/);
            assert.match(text, /^DKIM-Signature: (?:.*\r\n\s)*.*h=from:to:subject:vsmtp-signature;/m);
          }
        }
      });
    }
  });
});

test("a bounce of Haraka's is signed by the system's account (PRV-9)", { skip }, async () => {
  const bounce = harakaConfig("outbound.bounce_message").replace(
    /^From: .*$/m,
    "From: mailer-daemon@someisp.test",
  );
  const options = {
    ini: "system_sender=mailer-daemon@someisp.test\n",
    config: { "outbound.bounce_message": bounce },
  };
  await withHaraka(site.startMx(), async () => {
    await withHaraka(site.startSubmission(options), async () => {
      const text = `From: ${allice}\r\nTo: x@refused.test\r\nSubject: Hi\r\n\r\nHi\r\n`;
      await submit(["x@refused.test"], { text });
      const returned = await arrived(allice);
      assert.match(
        returned,
        /^VSMTP-Signature: v=1; .*i=mailer-daemon@someisp\.test;(?:.*\r\n )*.* f=auto;/m,
      );
      assert.match(returned, /^Subject: failure notice\r$/m);
      // It holds, at an MX as elsewhere.
      await site.send({ octets: Buffer.from(returned, "latin1"), from: "", to: ["x@dest.test"] });
      assert.match(await arrived("x@dest.test"), /vsmtp=pass header\.i=mailer-daemon@someisp\.test/);
    });
  });
});

test("settings that are wrong keep Haraka from starting, and all of them are told", { skip }, async () => {
  const ini =
    "unknown_user=reject\ncopies=many\n[relays]\n192.0.2=x@someisp.test\n[polcy]\n[policy]\nstage=all\n";
  await assert.rejects(site.startSubmission({ ini }), (error: Error) => {
    for (const problem of [
      'there is no setting "unknown_user" in \\[sign\\]',
      "sign.copies must be split or one, not many",
      "relays: 192.0.2 is neither an address nor a network",
      "there is no section \\[polcy\\]",
      'policy.stage must be "observe", "enforce" or "require", not "all"',
    ])
      assert.match(error.message, new RegExp(problem));
    return true;
  });
});

test("what is tagged, quarantined and discarded, by the settings of the policy (ACT-8)", {
  skip,
}, async () => {
  const quarantine = join(site.folder, "quarantine");
  const options = {
    ini: "[actions]\nunsigned=tag\nbody=quarantine\nno-key=discard\n[tag]\nsubject=[?]\n[tag_fields]\nX-Spam-Flag=YES\n",
    plugins: "rcpt_to.in_host_list\nvsmtp\nqueue/quarantine\nqueue/smtp_forward\n",
    config: { "quarantine.ini": `quarantine_path=${quarantine}\n` },
  };
  await withHaraka(site.startMx(options), async (log) => {
    const signed = await signedFor("x@sink.test");
    const send = (text: string) =>
      site.send({ octets: Buffer.from(text, "latin1"), from: allice, to: ["x@sink.test"] });
    await send(signed.replace(/^VSMTP-Signature:.*\r\n(?: .*\r\n)*/m, ""));
    const tagged = await arrived("x@sink.test");
    assert.match(tagged, /^X-VSMTP-Flag: tag; VSMTP\/unsigned\r$/m);
    assert.match(tagged, /^X-Spam-Flag: YES\r$/m);
    assert.match(tagged, /^Subject: \[\?\] Hi\r$/m);
    assert.match(await send(signed.replace("\r\n\r\nHi", "\r\n\r\nHo")), /^250 /);
    assert.match(await send(signed.replace(/^ k=.{22}/m, ` k=${"A".repeat(22)}`)), /^250 /);
    await nothingCameFor("x@sink.test");
    const [day = ""] = readdirSync(quarantine).filter((name) => name !== "tmp");
    const [file = "", ...more] = readdirSync(join(quarantine, day));
    assert.deepEqual(more, []);
    assert.match(
      readFileSync(join(quarantine, day, file), "utf8"),
      /^X-VSMTP-Flag: quarantine; VSMTP\/body$/m,
    );
    assert.match(log(), /action: discard/);
    // Nobody can be asked for the key now.
    await site.stopVault();
    const other = signed.replace(/^ k=.{22}/m, ` k=C${"A".repeat(21)}`);
    await assert.rejects(send(other), /451 4\.4\.3 VSMTP\/unavailable/);
    await site.startVault();
    assert.ok(existsSync(quarantine));
  });
});

/** A message that Haraka has signed, as its recipient in sink.test got it. */
async function signedFor(recipient: string): Promise<string> {
  let text = "";
  await withHaraka(site.startSubmission(), async () => {
    await submit([recipient]);
    text = await arrived(recipient);
  });
  return text;
}
