// What OpenDKIM's project tests milters with (Debian: miltertest) speaks as a mail server to ours.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { parseHeader } from "../message/index.ts";
import type { MilterHandler } from "./index.ts";
import { accepted, type Recorded, startMilter } from "./test-milter-client.ts";

const skip = spawnSync("miltertest", ["-V"]).status === 0 ? false : "peer: miltertest is not installed";

/** Runs a script in Lua, in which `conn` is connected; what it says is returned line by line. */
async function run(port: number, script: string): Promise<string[]> {
  const prelude = `
    mt.set_timeout(5)
    conn = mt.connect("inet:${port}@127.0.0.1")
    if conn == nil then error "no connection" end
    function must(outcome) if outcome ~= nil then error(outcome) end end
    function reply() mt.echo(string.char(mt.getreply(conn))) end
    function check(...) mt.echo(tostring(mt.eom_check(conn, ...))) end`;
  const child = promisify(execFile)("miltertest", [], { timeout: 30_000 });
  child.child.stdin?.end(`${prelude}\n${script}\nmt.disconnect(conn)\n`);
  const { stdout } = await child;
  return stdout.trimEnd().split("\n");
}

async function startPeer(options: Parameters<typeof startMilter>[0] = {}) {
  const milter = await startMilter(options);
  assert.ok("port" in milter.where);
  return Object.assign(milter, { port: milter.where.port });
}

// It puts the space behind the colon itself, where that is agreed.
const message = `
  must(mt.helo(conn, "client.example"))
  mt.macro(conn, SMFIC_MAIL, "i", "4XyZ", "{auth_authen}", "alice")
  must(mt.mailfrom(conn, "<alice@a.example>", "BODY=8BITMIME"))
  must(mt.rcptto(conn, "<bob@b.example>"))
  must(mt.rcptto(conn, "<carol@c.example>"))
  must(mt.data(conn)) reply()
  must(mt.header(conn, "From", "alice@a.example"))
  must(mt.header(conn, "Subject", "folded\\n over lines"))
  must(mt.header(conn, "X-Tag", "1"))
  must(mt.header(conn, "X-Tag", "2"))
  must(mt.eoh(conn))
  must(mt.bodystring(conn, "one\\r\\n"))
  must(mt.bodystring(conn, "two\\r\\n"))
  must(mt.eom(conn)) reply()`;

test("miltertest: a message, its envelope and macros", { skip }, async () => {
  await using milter = await startPeer();
  const heard = await run(milter.port, `must(mt.conninfo(conn, "client.example", "192.0.2.1"))${message}`);
  assert.deepEqual(heard, ["c", "c"]);
  const [seen] = milter.messages as [Recorded];
  assert.equal(
    seen.content,
    "From: alice@a.example\r\nSubject: folded\r\n over lines\r\nX-Tag: 1\r\nX-Tag: 2\r\n\r\none\r\ntwo\r\n",
  );
  assert.equal(seen.macros.i, "4XyZ");
  assert.equal(seen.macros.auth_authen, "alice");
  assert.equal(seen.transaction.sender.address, "alice@a.example");
  assert.deepEqual(seen.transaction.sender.parameters, ["BODY=8BITMIME"]);
  assert.equal(seen.transaction.recipients.length, 2);
  assert.equal(seen.transaction.connection.address, "192.0.2.1");
  assert.deepEqual(milter.events, []);
});

test("miltertest: what was agreed upon", { skip }, async () => {
  await using milter = await startPeer();
  const heard = await run(
    milter.port,
    `must(mt.negotiate(conn, 6, nil, nil))
    for _, bit in ipairs({ SMFIF_ADDHDRS, SMFIF_CHGHDRS, SMFIF_CHGBODY, SMFIF_QUARANTINE, SMFIF_ADDRCPT, SMFIF_DELRCPT }) do
      mt.echo(tostring(mt.test_action(conn, bit)))
    end
    for _, bit in ipairs({ SMFIP_NR_HDR, SMFIP_NR_BODY, SMFIP_NOUNKNOWN, SMFIP_NODATA, SMFIP_NOBODY, SMFIP_NR_DATA }) do
      mt.echo(tostring(mt.test_option(conn, bit)))
    end`,
  );
  assert.deepEqual(heard, [
    ...["true", "true", "true", "true", "false", "false"],
    ...["true", "true", "true", "false", "false", "false"],
  ]);
});

test("miltertest: changes of header and body, and quarantine", { skip }, async () => {
  await using milter = await startPeer({
    outcome({ content }) {
      const { fields } = parseHeader(Buffer.from(content.slice(0, content.indexOf("\r\n\r\n") + 2)));
      const [, subject, , tag] = fields as [never, never, never, never];
      return {
        answer: { kind: "accept" },
        edits: [
          { kind: "replace", field: subject, value: Buffer.from(" [x] folded\r\n over lines\r\n") },
          { kind: "remove", field: tag },
          { kind: "prepend", octets: Buffer.from("VSMTP-Signature: v=1;\r\n b=x\r\n") },
        ],
        body: (async function* () {
          yield Buffer.from("other\r\n");
        })(),
        quarantine: "just so",
      };
    },
  });
  const heard = await run(
    milter.port,
    `must(mt.negotiate(conn, 6, nil, nil))
    must(mt.conninfo(conn, "client.example", "192.0.2.1"))${message}
    check(MT_HDRINSERT, "VSMTP-Signature", " v=1;\\n b=x", 0)
    check(MT_HDRCHANGE, "Subject", " [x] folded\\n over lines")
    check(MT_HDRDELETE, "X-Tag")
    check(MT_BODYCHANGE, "other\\r\\n")
    check(MT_QUARANTINE, "just so")
    check(MT_RCPTADD, "x")
    check(MT_SMTPREPLY, "550")`,
  );
  assert.deepEqual(heard, ["c", "a", "true", "true", "true", "true", "true", "false", "false"]);
});

test("miltertest: refused with its reply, at DATA and at the end", { skip }, async () => {
  const answer = { kind: "refuse", reply: { code: 550, enhanced: "5.7.1", text: "forged" } } as const;
  for (const [options, script] of [
    [{ methods: { begin: () => answer } }, message.slice(0, message.indexOf("reply()") + 7)],
    [{ outcome: () => ({ ...accepted, answer }) }, message],
  ] as const) {
    await using milter = await startPeer(options as { methods?: Partial<MilterHandler> });
    const heard = await run(
      milter.port,
      `must(mt.conninfo(conn, "client.example", "unspec"))${script} check(MT_SMTPREPLY, "550", "5.7.1", "forged")`,
    );
    assert.equal(heard.filter((letter) => letter !== "c")[0], "y");
    if (script === message) assert.equal(heard.at(-1), "true");
  }
});

test("miltertest: version 2 of the protocol", { skip }, async () => {
  await using milter = await startPeer({
    outcome: () => ({ ...accepted, edits: [{ kind: "prepend", octets: Buffer.from("Seen: yes\r\n") }] }),
  });
  const heard = await run(
    milter.port,
    `must(mt.negotiate(conn, 2, 0x3f, 0x7f))
    must(mt.conninfo(conn, "client.example", "192.0.2.1")) reply()
    must(mt.helo(conn, "client.example")) reply()
    must(mt.mailfrom(conn, "<>")) reply()
    must(mt.rcptto(conn, "<bob@b.example>")) reply()
    must(mt.header(conn, "From", "alice@a.example")) reply()
    must(mt.eoh(conn)) reply()
    must(mt.bodystring(conn, "one\\r\\n")) reply()
    must(mt.eom(conn)) reply()
    check(MT_HDRINSERT, "Seen", "yes", 0)`,
  );
  assert.deepEqual(heard, [..."cccccccc", "true"]);
  assert.equal(milter.messages[0]?.content, "From: alice@a.example\r\n\r\none\r\n");
});

test("miltertest: given up, begun anew, and gone without a word", { skip }, async () => {
  await using milter = await startPeer();
  await run(
    milter.port,
    `must(mt.conninfo(conn, "client.example", "192.0.2.1"))
    must(mt.mailfrom(conn, "<first@a.example>")) must(mt.rcptto(conn, "<bob@b.example>"))
    must(mt.header(conn, "A", " b"))
    must(mt.abort(conn))
    must(mt.mailfrom(conn, "<second@a.example>")) must(mt.rcptto(conn, "<bob@b.example>"))
    must(mt.data(conn)) must(mt.eoh(conn)) must(mt.eom(conn)) reply()
    must(mt.mailfrom(conn, "<third@a.example>")) must(mt.rcptto(conn, "<bob@b.example>"))
    must(mt.data(conn)) must(mt.header(conn, "A", " b"))
    mt.disconnect(conn, false)
    conn = mt.connect("inet:${milter.port}@127.0.0.1")`,
  );
  assert.deepEqual(
    milter.messages.map(({ transaction, fate }) => [transaction.sender.address, fate]),
    [
      ["first@a.example", "aborted"],
      ["second@a.example", "finished"],
      ["third@a.example", "aborted"],
    ],
  );
  assert.deepEqual(
    milter.events.map((event) => event.kind),
    ["abandoned"],
  );
});
