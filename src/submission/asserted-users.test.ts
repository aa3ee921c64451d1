import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { modes } from "./test-modes.ts";
import { Site } from "./test-site.ts";

// Users who have logged in at another mail server of the operator's, which says so by XCLIENT.

const trusted = { xclient: (address: string) => address === "127.0.0.1" };

/** All that is said to these lines, sent in one piece to the port without TLS. */
async function dialogue(site: Site, lines: readonly string[]): Promise<string[]> {
  const socket = connect({ port: site.ports["starttls-required"] ?? 0, host: "127.0.0.1" });
  let said = "";
  socket.on("data", (octets) => {
    if (said === "") socket.write(`${[...lines, "QUIT"].join("\r\n")}\r\n`);
    said += octets.toString("latin1");
  });
  await new Promise((resolve) => socket.once("end", resolve));
  socket.destroy();
  return said.split("\r\n").filter((line) => /^\d{3} /.test(line));
}

const xclient = (login: string) => [`XCLIENT LOGIN=${login} ADDR=192.0.2.7`, "EHLO laptop"];
const transaction = (from: string, sender = from) => [
  `MAIL FROM:<${sender}>`,
  "RCPT TO:<bob@dest.test>",
  "DATA",
];
const content = (from: string) => [`From: ${from}`, "Subject: x", "", "Hi", "."];

for (const mode of modes) {
  test(`${mode}: XCLIENT names a user, whose mail is signed as if he had logged in here (SUB-1, PRV-9)`, async () => {
    const site = await Site.start(mode, Date, { trusted, mayAssert: true });
    try {
      for (const [login, name] of [
        ["allice@someisp.test", "allice"],
        ["al", "allice"],
        ["Secretary@SomeISP.test", "secretary"],
        ["root", "boss"],
      ] as const) {
        const from = `${name}@someisp.test`;
        const all = [...xclient(login), ...transaction(from), ...content(from)];
        const said = await dialogue(site, all);
        assert.match(said.at(-2) ?? "", /^250 2\.0\.0 Ok: queued/, said.join("\n"));
        const [message, ...more] = await site.drain();
        assert.ok(message !== undefined && more.length === 0);
        assert.equal(message.leased.account, site.account(name));
        assert.equal(await site.verdictOf(message, Date.now()), "pass from match");
      }
      assert.deepEqual(
        site.events.flatMap((event) =>
          event.kind === "login" ? [[event.client, event.mechanism, event.outcome]] : [],
        ),
        Array(4).fill(["192.0.2.7", "XCLIENT", "accepted"]),
      );
      // Whoever it is writes as himself.
      const forged = await dialogue(site, [...xclient("al"), "MAIL FROM:<boss@someisp.test>"]);
      assert.match(forged.at(-2) ?? "", /^550 5\.7\.1 .* neither your address nor granted/);
      const lying = [
        ...xclient("al"),
        ...transaction("allice@someisp.test"),
        ...content("boss@someisp.test"),
      ];
      assert.match((await dialogue(site, lying)).at(-2) ?? "", /^550 5\.7\.1/);
    } finally {
      await site.stop();
    }
  });

  test(`${mode}: nobody's name, a suspended user's, no trust: no mail without a login (SUB-6)`, async () => {
    const site = await Site.start(mode, Date, { trusted, mayAssert: true });
    const untrusting = await Site.start(mode, Date);
    try {
      await site.mode.keyring.suspend(site.account("secretary"));
      for (const login of ["nobody", "x@elsewhere.test", "secretary", "+22", "a@b@c"]) {
        const said = await dialogue(site, [...xclient(login), "MAIL FROM:<allice@someisp.test>"]);
        // Who is suspended hears so at MAIL.
        assert.match(said[1] ?? "", login === "secretary" ? /^220/ : /^550 5\.7\.1/, login);
        assert.match(said.at(-2) ?? "", /^550 5\.7\.1/, login);
      }
      const plain = await dialogue(untrusting, [...xclient("al"), "MAIL FROM:<allice@someisp.test>"]);
      assert.match(plain[1] ?? "", /^5/);
      assert.match(plain.at(-2) ?? "", /^530 5\.7\.0/);
    } finally {
      await Promise.all([site.stop(), untrusting.stop()]);
    }
  });
}

test("a vault that does not take this server's word, or is away: 451, and nothing goes out unsigned", async () => {
  const site = await Site.start("remote, SIGN", Date, { trusted });
  try {
    const lines = [...xclient("al"), "MAIL FROM:<allice@someisp.test>"];
    for (const cause of [/right ASSERT/, /./]) {
      const said = await dialogue(site, lines);
      assert.match(said[1] ?? "", /^451 4\.4\.3/);
      assert.match(said.at(-2) ?? "", /^451 4\.4\.3/);
      const event = site.events.at(-1);
      assert.ok(
        event?.kind === "login" && event.outcome === "unavailable" && cause.test(String(event.cause)),
      );
      await site.mode.stopVault();
    }
  } finally {
    await site.stop();
  }
});
