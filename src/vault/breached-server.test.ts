// What somebody can do who has taken over a submission server that is enrolled for SIGN: its certificate and key, its
// connection, and the tickets of those who are logged in just now.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { newIdentity, type Peer, TestVault } from "./test-vault.ts";

const ALLICE = "allice@someisp.test";
const BOSS = "boss@someisp.test";
const CAROL = "carol@other.test";
const NO_TICKET = "AAAAAAAAAAAAAAAAAAAAAA";

let vault: TestVault;
let breached: Peer;
let ticket: string;
let kid: string;
before(async () => {
  vault = await TestVault.start();
  breached = await vault.peer({ name: "mx1", modes: ["sign"], scope: ["someisp.test"] });
  ticket = await breached.logIn(ALLICE);
  kid = await vault.kidOf(ALLICE);
});
after(() => vault.stop());

test("it signs for those who are logged in there, as they are (PRV-11, PRV-16)", async () => {
  const h = vault.headerOf(ALLICE, kid);
  assert.ok(await vault.signs(await breached.sign(ticket, ALLICE, kid, h), h, ALLICE));
});

describe("no private key leaves the vault (PRV-2, PRV-16)", () => {
  test("GETKEY is not enrolled", async () => {
    assert.match(await breached.say(`GETKEY ${ticket} ${ALLICE}`), /^-ERR \[DENIED\]/);
    assert.deepEqual((await vault.audited("getkey")).at(-1), "denied");
    assert.match((await breached.block("CAPA")).join(), /MODES SIGN,/);
  });
  test("nor anything that looks like one", () => {
    assert.doesNotMatch(breached.received, /sk=|MC4CAQAwBQYDK2Vw/);
  });
});

describe("a ticket is what makes it sign (PRV-14)", () => {
  test("a guessed one is worth nothing", async () => {
    const h = vault.headerOf(ALLICE, kid);
    for (const guess of [NO_TICKET, `${ticket[0] === "A" ? "B" : "A"}${ticket.slice(1)}`]) {
      assert.match(await breached.sign(guess, ALLICE, kid, h), /^-ERR \[TICKET\]/);
      assert.match(await breached.say(`ID ${guess} ${ALLICE}`), /^-ERR \[TICKET\]/);
      assert.match(await breached.say(`SPEND ${guess} 1`), /^-ERR \[TICKET\]/);
      assert.match(await breached.say(`DROP ${guess}`), /^-ERR \[TICKET\]/);
    }
    assert.equal((await vault.audited("sign")).at(-1), "ticket");
  });
  test("nor is that of another submission server, wherever it was stolen", async () => {
    const other = await vault.peer({ modes: ["sign", "getkey"] });
    const h = vault.headerOf(ALLICE, kid);
    assert.match(await other.sign(ticket, ALLICE, kid, h), /^-ERR \[TICKET\]/);
    assert.match(await other.say(`GETKEY ${ticket} ${ALLICE}`), /^-ERR \[TICKET\]/);
    const theirs = await other.logIn(ALLICE);
    assert.match(await breached.sign(theirs, ALLICE, kid, h), /^-ERR \[TICKET\]/);
  });
  test("one serves over all connections of its server, until it is dropped", async () => {
    const identity = await newIdentity();
    await vault.enrol(identity);
    const [one, two] = [await vault.connect(identity), await vault.connect(identity)];
    const shared = await one.logIn(ALLICE);
    const h = vault.headerOf(ALLICE, kid);
    assert.match(await two.sign(shared, ALLICE, kid, h), /^\+OK/);
    assert.match(await two.say(`DROP ${shared}`), /^\+OK/);
    assert.match(await one.sign(shared, ALLICE, kid, h), /^-ERR \[TICKET\]/);
  });
  test("it cannot make one: no password, no right to ASSERT", async () => {
    const wrong = Buffer.from(`\0${BOSS}\0wrong`).toString("base64");
    assert.match(await breached.say(`AUTH PLAIN ${wrong}`), /^-ERR \[AUTH\]/);
    assert.match(await breached.say(`ASSERT ${BOSS}`), /^-ERR \[DENIED\]/);
    assert.match(await breached.say("ASSERT mailer-daemon@someisp.test"), /^-ERR \[DENIED\]/);
    assert.deepEqual(await vault.audited("assert"), ["denied", "denied"]);
  });
});

describe("H that is not what the request says, or not the user's (PRV-17, PRV-30)", () => {
  const cases: [string, () => Promise<[Buffer, string?, number?]>, RegExp][] = [
    [
      "From of somebody else",
      async () => [vault.headerOf(ALLICE, kid, { from: BOSS, lines: [`Sender: ${ALLICE}`] })],
      /may not write From boss/,
    ],
    [
      "From of somebody else beside the own",
      async () => [vault.headerOf(ALLICE, kid, { from: `${ALLICE}, ${BOSS}`, lines: [`Sender: ${ALLICE}`] })],
      /may not write From boss/,
    ],
    [
      "From outside",
      async () => [
        vault.headerOf(ALLICE, kid, { from: "president@elsewhere.test", lines: [`Sender: ${ALLICE}`] }),
      ],
      /may not write From president/,
    ],
    [
      "From of a host",
      async () => [vault.headerOf(ALLICE, kid, { from: "a@[192.0.2.1]", lines: [`Sender: ${ALLICE}`] })],
      /nobody owns/,
    ],
    [
      "From alone is somebody else's",
      async () => [vault.headerOf(ALLICE, kid, { from: BOSS })],
      /names boss@someisp\.test/,
    ],
    [
      "Sender of somebody else",
      async () => [vault.headerOf(ALLICE, kid, { lines: [`Sender: ${BOSS}`] })],
      /names boss@someisp\.test/,
    ],
    ["i of somebody else", async () => [vault.headerOf(BOSS, kid)], /another address/],
    [
      "i of somebody else in request and H",
      async () => [vault.headerOf(BOSS, kid), BOSS],
      /may not sign as boss/,
    ],
    ["another k", async () => [vault.headerOf(ALLICE, await vault.kidOf(BOSS))], /another key id/],
    [
      "more recipients than are counted",
      async () => [vault.headerOf(ALLICE, kid, { recipients: 32 }), ALLICE, 31],
      /32 recipients/,
    ],
    [
      "t ahead",
      async () => [vault.headerOf(ALLICE, kid, { signedAt: Math.floor(vault.now / 1000) + 400 })],
      /t is \d+ s/,
    ],
    [
      "t behind",
      async () => [vault.headerOf(ALLICE, kid, { signedAt: Math.floor(vault.now / 1000) - 400 })],
      /t is -\d+ s/,
    ],
    [
      "x too late",
      async () => [
        edit(vault.headerOf(ALLICE, kid), / x=\d+/, ` x=${Math.floor(vault.now / 1000) + 1_300_000}`),
      ],
      /s after t/,
    ],
    [
      "h without Subject",
      async () => [edit(vault.headerOf(ALLICE, kid), "subject:", "")],
      /core field "subject"/,
    ],
    [
      "From twice",
      async () => [edit(vault.headerOf(ALLICE, kid), /^/, "from:boss@someisp.test\r\n")],
      /more than one from/,
    ],
    ["no From", async () => [edit(vault.headerOf(ALLICE, kid), /^from[^\r]*\r\n/, "")], /no from/],
    ["a folded From", async () => [edit(vault.headerOf(ALLICE, kid), "from:", "from:\r\n ")], /canonical/],
    [
      "another algorithm",
      async () => [edit(vault.headerOf(ALLICE, kid), "ed25519-sha256", "rsa-sha256")],
      /algorithm/,
    ],
    ["no header at all", async () => [Buffer.from("VSMTP1-STMT")], /one line/],
    [
      "a key statement",
      async () => [Buffer.from("v=1; i=allice@someisp.test; k=x\r\nst=active")],
      /canonical/,
    ],
    [
      "level 1 without level 0",
      async () => [edit(vault.headerOf(ALLICE, kid), "a=ed25519", "n=1; a=ed25519")],
      /level 0/,
    ],
  ];
  for (const [name, make, problem] of cases) {
    test(name, async () => {
      const [h, identity = ALLICE, recipients = 1] = await make();

      const reply = await breached.sign(ticket, identity, kid, h, recipients);
      assert.match(reply, /^-ERR \[POLICY\]/);
      assert.match(reply, problem);
      assert.equal((await vault.audited("sign")).at(-1), "policy");
    });
  }

  test("an author whom From names a thousand times costs no thousand questions", async () => {
    const grant = { kind: "send-as", target: BOSS } as const;
    assert.ok((await vault.keyring.grant(vault.account(ALLICE), grant)).ok);
    const many = vault.headerOf(ALLICE, kid, {
      from: Array(1000).fill(BOSS).join(",\r\n "),
      lines: [`Sender: ${ALLICE}`],
    });
    const { owner } = vault.store;
    let asked = 0;
    vault.store.owner = (address) => {
      asked++;
      return owner.call(vault.store, address);
    };
    try {
      const reply = await breached.sign(ticket, ALLICE, kid, many);
      assert.ok(await vault.signs(reply, many, ALLICE), reply);
    } finally {
      vault.store.owner = owner;
    }
    assert.ok(asked <= 1, `${asked} questions`);
    assert.ok((await vault.keyring.withdraw(vault.account(ALLICE), grant)).ok);
  });
  test("a length that is not that of H: what follows are no requests", async () => {
    const h = vault.headerOf(ALLICE, kid);
    const identity = await newIdentity();
    await vault.enrol(identity);
    const short = await vault.connect(identity);
    const own = await short.logIn(ALLICE);
    assert.match(await short.say(`SIGN ${own} ${ALLICE} ${kid} 1 ${h.length - 10}`, h), /^-ERR \[POLICY\]/);
    assert.match(await short.say(""), /^-ERR \[UNSUPP\]/);
    const long = await vault.connect(identity);
    long.socket.write(`SIGN ${own} ${ALLICE} ${kid} 1 65537\r\n`);
    assert.match(await long.line(), /^-ERR \[SYNTAX\]/);
    await long.ended();
  });
});

describe("scope (PRV-2, PRV-3, PRV-34)", () => {
  test("an account elsewhere cannot log in there, and nothing tells whether a password is right", async () => {
    const attempt = (password: string) =>
      breached.say(`AUTH PLAIN ${Buffer.from(`\0${CAROL}\0${password}`).toString("base64")}`);
    const wrong = await attempt("wrong");
    assert.match(wrong, /^-ERR \[AUTH\]/);
    assert.equal(await attempt("secret"), wrong);
    assert.equal((await vault.keyring.credentials(vault.account(CAROL)))[0]?.lastUsedAt, null);
    assert.ok((await vault.keyring.suspend(vault.account(CAROL))).ok);
    assert.equal(await attempt("secret"), wrong, "nor whether the account is suspended");
    assert.ok((await vault.keyring.resume(vault.account(CAROL))).ok);
    for (let guess = 2; guess < 10; guess++) assert.equal(await attempt(`guess ${guess}`), wrong);
    assert.match(await attempt("one more"), /^-ERR \[BUSY\]/, "the right one counts like the others");
    const [entry] = await vault.store.audit({ action: "auth", newest: true, limit: 1 });
    assert.deepEqual([entry?.account, entry?.subject], [null, CAROL]);
    assert.match(entry?.detail ?? "", /not in its scope/);
  });
  test("what an account may sign as elsewhere is out of scope there", async () => {
    const grant = { kind: "send-as", target: CAROL } as const;
    assert.ok((await vault.keyring.grant(vault.account(ALLICE), grant)).ok);
    const carolsKid = await vault.kidOf(CAROL);
    assert.match(await breached.say(`ID ${ticket} ${CAROL}`), /^-ERR \[POLICY\]/);
    const h = vault.headerOf(CAROL, carolsKid);
    assert.match(await breached.sign(ticket, CAROL, carolsKid, h), /^-ERR \[POLICY\]/);
    const everywhere = await vault.peer({ modes: ["sign"] });
    const own = await everywhere.logIn(ALLICE);
    assert.ok(await vault.signs(await everywhere.sign(own, CAROL, carolsKid, h), h, CAROL));
    assert.ok((await vault.keyring.withdraw(vault.account(ALLICE), grant)).ok);
  });
  test("a contractor for one account has nothing to do with its neighbours", async () => {
    const contractor = await vault.peer({ modes: ["sign"], scope: [BOSS] });
    const theirs = await contractor.logIn(BOSS);
    const bosssKid = await vault.kidOf(BOSS);
    const h = vault.headerOf(BOSS, bosssKid);
    assert.ok(await vault.signs(await contractor.sign(theirs, BOSS, bosssKid, h), h, BOSS));
    const right = Buffer.from(`\0${ALLICE}\0secret`).toString("base64");
    assert.match(await contractor.say(`AUTH PLAIN ${right}`), /^-ERR \[AUTH\]/);
  });
  test("ASSERT reaches no further either", async () => {
    const system = await vault.peer({ mayAssert: true, scope: ["someisp.test"] });
    assert.match(
      await system.say("ASSERT mailer-daemon@someisp.test ip=192.0.2.9"),
      /^\+OK tk=\S{22}; i=mailer-daemon@/,
    );
    assert.match(await system.say("ASSERT mailer-daemon@other.test"), /^-ERR \[POLICY\]/);
    assert.match(await system.say("ASSERT nobody@someisp.test"), /^-ERR \[POLICY\]/);
    assert.match(await system.say("ASSERT mailer-daemon@elsewhere.test"), /^-ERR \[POLICY\]/);
  });
});

describe("limits and suspension hold against it (LIF-10, LIF-14, PRV-27)", () => {
  test("what was not spent is counted by SIGN, and spent recipients serve once", async () => {
    const mine = await vault.peer({ modes: ["sign"], scope: ["other.test"] });
    const own = await mine.logIn(CAROL);
    const carolsKid = await vault.kidOf(CAROL);
    const h = vault.headerOf(CAROL, carolsKid, { recipients: 10 });
    const used = async () => (await vault.keyring.recipientUsage(vault.account(CAROL)))?.used;
    assert.match(await mine.say(`SPEND ${own} 20`), /^\+OK/);
    for (let n = 0; n < 2; n++) assert.match(await mine.sign(own, CAROL, carolsKid, h, 10), /^\+OK/);
    assert.equal(await used(), 20);
    for (let n = 0; n < 3; n++) assert.match(await mine.sign(own, CAROL, carolsKid, h, 10), /^\+OK/);
    assert.equal(await used(), 50);
    const limited = /^-ERR \[LIMIT\] limit=50; free=\d{10}\r\n$/;
    assert.match(await mine.sign(own, CAROL, carolsKid, h, 10), limited);
    assert.match(await mine.say(`SPEND ${own} 1`), limited);
    assert.match(await mine.say(`SPEND ${own} 51`), /^-ERR \[LIMIT\] limit=50\r\n$/);
    assert.equal(await used(), 50);
  });

  test("spent in parallel, nothing is signed twice for one recipient", async () => {
    const made = await vault.keyring.addAccount({ address: "dave@someisp.test", password: "secret" });
    assert.ok(made.ok);
    vault.accounts.set("dave@someisp.test", made.account.id);
    const mine = await vault.peer({ modes: ["sign"] });
    const own = await mine.logIn("dave@someisp.test");
    const h = vault.headerOf("dave@someisp.test", made.kid, { recipients: 10 });
    assert.match(await mine.say(`SPEND ${own} 20`), /^\+OK/);
    const line = Buffer.from(`SIGN ${own} dave@someisp.test ${made.kid} 10 ${h.length}\r\n`);
    mine.socket.write(Buffer.concat(Array.from({ length: 8 }, () => [line, h]).flat()));
    const replies: string[] = [];
    for (let n = 0; n < 8; n++) replies.push((await mine.line()).slice(0, 6));
    assert.equal(replies.filter((reply) => reply === "+OK b=").length, 5);
  });

  test("after suspension, and for a key that was replaced", async () => {
    const h = vault.headerOf(BOSS, await vault.kidOf(BOSS));
    const mine = await vault.peer({ modes: ["sign", "getkey"] });
    const own = await mine.logIn(BOSS);
    const before = await vault.kidOf(BOSS);
    assert.match(await mine.sign(own, BOSS, before, h), /^\+OK/);
    assert.ok((await vault.keyring.rekey(vault.account(BOSS))).ok);
    assert.match(await mine.sign(own, BOSS, before, h), /^-ERR \[NOKEY\]/);
    assert.ok((await vault.keyring.suspend(vault.account(BOSS))).ok);
    const now = await vault.kidOf(BOSS);
    for (const said of [`ID ${own} ${BOSS}`, `SPEND ${own} 1`, `GETKEY ${own} ${BOSS}`]) {
      assert.match(await mine.say(said), /^-ERR \[DISABLED\]/);
    }
    assert.match(await mine.sign(own, BOSS, now, vault.headerOf(BOSS, now)), /^-ERR \[DISABLED\]/);
    const right = Buffer.from(`\0${BOSS}\0secret`).toString("base64");
    assert.match(await mine.say(`AUTH PLAIN ${right}`), /^-ERR \[DISABLED\]/);
  });

  test("PRV-35 after the password that it was made by: changed, removed, ended; and after a suspension", async () => {
    const made = await vault.keyring.addAccount({ address: "eve@someisp.test", password: "secret" });
    assert.ok(made.ok);
    const { id } = made.account;
    const mine = await vault.peer({ modes: ["sign", "getkey"] });
    const addPassword = async (name: string, notAfter: number | null = null) => {
      const added = await vault.keyring.addAppPassword(id, { name, notAfter });
      assert.ok(added.ok);
      return { id: added.id, ticket: await mine.logIn("eve@someisp.test", added.secret) };
    };
    const stolen = await addPassword("stolen phone");
    const short = await addPassword("guest", Math.floor(vault.now / 1000) + 60);
    const kept = await addPassword("computer");
    const main = await mine.logIn("eve@someisp.test");
    const ended = async (own: string): Promise<boolean> => {
      const kid = (await vault.store.activeKey(id))?.kid ?? "";
      const said = [
        await mine.say(`SPEND ${own} 1`),
        (await mine.block(`ID ${own} eve@someisp.test`))[0] ?? "",
        (await mine.block(`GETKEY ${own} eve@someisp.test`))[0] ?? "",
        await mine.sign(own, "eve@someisp.test", kid, vault.headerOf("eve@someisp.test", kid)),
      ];
      const refused = said.filter((reply) => reply.startsWith("-ERR [TICKET]")).length;
      assert.ok(refused === 0 || refused === said.length, said.join());
      return refused > 0;
    };
    vault.wait(1000);
    assert.deepEqual([await ended(stolen.ticket), await ended(short.ticket)], [false, false]);
    assert.ok((await vault.keyring.removeAppPassword(id, stolen.id)).ok);
    assert.ok((await vault.keyring.setPassword(id, "another")).ok);
    vault.wait(60_000);
    for (const own of [stolen.ticket, main, short.ticket]) assert.ok(await ended(own));
    assert.equal(await ended(kept.ticket), false);
    assert.ok((await vault.keyring.suspend(id)).ok);
    assert.ok((await vault.keyring.resume(id)).ok);
    assert.ok(await ended(kept.ticket), "whoever was suspended logs in again");
    assert.equal(await ended(await mine.logIn("eve@someisp.test", "another")), false);
  });
});

test("PRV-12, PRV-18 GETKEY, where it is enrolled: never longer than the ticket", async () => {
  const mine = await vault.peer({ modes: ["getkey"] });
  const own = await mine.logIn(ALLICE);
  const expiry = async (): Promise<number> => {
    const [first, key = "", dot] = await mine.block(`GETKEY ${own} ${ALLICE}`);
    assert.deepEqual([first, dot], ["+OK", "."]);
    assert.match(key, new RegExp(`^k=${kid}; a=ed25519-sha256; exp=\\d+; sk=MC4CAQAwBQYDK2Vw\\S{48}$`));
    return Number(/exp=(\d+)/.exec(key)?.[1]);
  };
  assert.ok((await expiry()) <= 600, "the ticket ends after 600 s of silence");
  for (let n = 0; n < 6; n++) {
    vault.wait(590_000);
    await expiry();
  }
  assert.ok((await expiry()) <= 60, "and 3600 s after the login");
  vault.wait(61_000);
  assert.match(await mine.say(`GETKEY ${own} ${ALLICE}`), /^-ERR \[TICKET\]/);
  const h = vault.headerOf(ALLICE, kid);
  assert.match(await mine.sign(await mine.logIn(ALLICE), ALLICE, kid, h), /^-ERR \[DENIED\]/);
  assert.match(await mine.say(`GETKEY ${await mine.logIn(ALLICE)} ${BOSS}`), /^-ERR \[POLICY\]/);
});

test("PRV-20, PRV-21 everything is in the audit log, and no secret is", async () => {
  const records = await vault.store.audit({ limit: 1000 });
  const text = JSON.stringify(records);
  for (const action of ["auth", "sign", "getkey", "spend", "assert"]) {
    assert.ok(
      records.some((one) => one.action === action && one.actor.startsWith("ss:")),
      action,
    );
  }
  const signed = records.find((one) => one.action === "sign" && one.outcome === "ok");
  assert.deepEqual(
    [signed?.actor, signed?.client, signed?.kid, signed?.recipients, signed?.messageIdHash?.length],
    ["ss:mx1", "192.0.2.7", kid, 1, 22],
  );
  assert.doesNotMatch(text, /secret|MC4CAQAwBQYDK2Vw/);
  assert.ok(!text.includes(ticket));
});

function edit(h: Buffer, what: string | RegExp, by: string): Buffer {
  const text = h.toString("latin1");
  const changed = text.replace(what, by);
  assert.notEqual(changed, text);
  return Buffer.from(changed, "latin1");
}
