// The private interface as a whole: a vault with accounts, asked at its Unix sockets by submission servers that say
// anything. One of them has no ticket of its own, but knows another's: nothing may come of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  MasterKey,
  UserKeys,
} from "../../src/keyring/index.ts";
import type { Address } from "../../src/message/index.ts";
import { MessageSigner } from "../../src/signature/index.ts";
import { openKeyringStore } from "../../src/store/index.ts";
import { VaultServer } from "../../src/vault/index.ts";
import { MAX_LINE_OCTETS } from "../../src/vault-protocol/index.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

const PASSWORD = "correct horse battery";
const ALLICE = "allice@someisp.test";
const ADDRESSES = [ALLICE, "boss@someisp.test", "nobody@someisp.test", "a@elsewhere.test", "A@x", "@", ""];

interface Started {
  readonly folder: string;
  readonly ticket: string;
  readonly kid: string;
  stop(): Promise<void>;
}
let started: Promise<Started> | null = null;

export const target: FuzzTarget = {
  measure: "requests",
  few: 150,
  async run(random) {
    started ??= start();
    const vault = await started;
    const isThief = random.oneIn(2);
    const { octets, count } = requests(random, vault, isThief);
    const said = await converse(vault, isThief ? "thief" : "honest", random.pieces(octets), 60);
    assert.ok(said.endsWith("\r\n"));
    for (const line of said.split("\r\n")) {
      assert.ok(
        line.length + 2 <= MAX_LINE_OCTETS && /^(?:\+OK|\+ ?|-ERR \[[A-Z]+\]|[!-~]|$)[ -~]*$/.test(line),
        line,
      );
    }
    if (isThief)
      assert.doesNotMatch(said, /\b(?:tk|b|sk|i|ks)=/, "a ticket is worth nothing to another enrolment");
    if (random.oneIn(50)) {
      const answer = await converse(vault, "honest", [
        Buffer.from(`ID ${vault.ticket} ${ALLICE}\r\nQUIT\r\n`),
      ]);
      assert.match(answer, /\+OK i=allice@someisp\.test\r\nk=[\w-]{22}; a=ed25519-sha256\r\n\.\r\n\+OK\r\n$/);
    }
    return count;
  },
  close: async () => (await started)?.stop(),
};

async function start(): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-fuzz-"));
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({
    location: join(folder, "keyring.db"),
    auditKey: auditKeyOf(masterKey),
  });
  const limits = {
    recipients: 999_999_999,
    periodMs: 1000,
    newAccountRecipients: 999_999_999,
    newAccountMs: 0,
  };
  const keyring = await Keyring.open({ store, masterKey, limits });
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const made = await keyring.addAccount({ address: ALLICE, password: PASSWORD });
  assert.ok(made.ok && (await keyring.addAccount({ address: "boss@someisp.test" })).ok);
  const proof = { kind: "unix-socket", user: userInfo().username, group: null } as const;
  for (const name of ["honest", "thief"]) {
    const modes = ["sign", "getkey"] as const;
    assert.ok((await keyring.enrol({ name, proof, scope: ["*"], modes, mayAssert: false })).ok);
  }
  const audit = new AuditWriter(store);
  const server = new VaultServer({
    enrolments: () => store.enrolments(),
    authenticator: new Authenticator({ store, masterKey, audit, scram: true }),
    keys: new UserKeys({ store, masterKey, audit, limits }),
    audit,
  });
  await server.start();
  await server.listenUnix(folder);
  const vault = {
    folder,
    ticket: "",
    kid: made.kid,
    stop: async () => {
      await server.close(0);
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
  const login = Buffer.from(`\0${ALLICE}\0${PASSWORD}`).toString("base64");
  const said = await converse(vault, "honest", [Buffer.from(`AUTH PLAIN ${login}\r\n`)]);
  const [, ticket] = /tk=([\w-]{22})/.exec(said) ?? assert.fail(said);
  return { ...vault, ticket: ticket ?? "" };
}

/** Behind whatever was begun. An AUTH exchange takes the first line for a response, and ends. */
const LEAVE = Buffer.from("\r\nQUIT\r\nQUIT\r\n");

/** All that the vault says in one connection. */
function converse(
  { folder }: Pick<Started, "folder">,
  name: string,
  pieces: readonly Buffer[],
  silenceMs = 10_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(join(folder, `${name}.sock`));
    // It still waits for the rest of an H: then the connection ends without a word.
    const silence = setTimeout(() => socket.end(), silenceMs);
    const timer = setTimeout(() => socket.destroy(new Error("no end in 20 s")), 20_000);
    socket.on("data", (octets: Buffer) => {
      said += octets.toString("latin1");
      silence.refresh();
    });
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      // It was closed while we still spoke: what it said stands.
      if (cause.code !== "EPIPE" && cause.code !== "ECONNRESET") reject(cause);
    });
    socket.once("close", () => {
      clearTimeout(silence);
      clearTimeout(timer);
      resolve(said);
    });
    for (const piece of [...pieces, LEAVE]) socket.write(piece);
  });
}

function requests(random: Random, vault: Started, isThief: boolean): { octets: Buffer; count: number } {
  if (random.oneIn(50)) return { octets: random.octets(random.below(2000)), count: 1 };
  const count = 1 + random.below(random.oneIn(20) ? 300 : 30);
  const hostile = !random.oneIn(3);
  const parts = Array.from({ length: count }, () => {
    const octets = request(random, vault, isThief);
    return hostile && random.oneIn(8) ? random.mutate(octets) : octets;
  });
  return { octets: Buffer.concat(parts), count };
}

function request(random: Random, { ticket, kid }: Started, isThief: boolean): Buffer {
  const tk = random.oneIn(5)
    ? random.pick(["AAAAAAAAAAAAAAAAAAAAAA", ticket.slice(1), `${ticket}A`, ""])
    : ticket;
  const address = random.oneIn(3) ? random.pick(ADDRESSES) : ALLICE;
  const verb = random.pick([
    "ID",
    "ID",
    "SIGN",
    "SIGN",
    "GETKEY",
    "SPEND",
    "NOOP",
    "CAPA",
    "ASSERT",
    "AUTH",
    "*",
    "DROP",
  ]);
  switch (verb) {
    case "SIGN": {
      const h = random.oneIn(2) ? headerOf(kid) : random.mutate(headerOf(kid));
      const id = random.oneIn(4) ? random.pick(["AAAAAAAAAAAAAAAAAAAAAA", "-", ""]) : kid;
      const length = random.oneIn(40) ? random.below(70_000) : h.length;
      return Buffer.concat([
        Buffer.from(`SIGN ${tk} ${address} ${id} ${random.pick([1, 1, 2, 0])} ${length}\r\n`),
        h,
      ]);
    }
    case "ID":
    case "GETKEY":
      return Buffer.from(`${verb} ${tk} ${address}\r\n`);
    case "SPEND":
      return Buffer.from(`SPEND ${tk} ${random.pick(["1", "1000000", "0", "-1", "1e3"])}\r\n`);
    case "ASSERT":
      return Buffer.from(
        `ASSERT ${random.pick([ALLICE, "mailer-daemon@someisp.test", "x"])} ip=192.0.2.1\r\n`,
      );
    case "AUTH":
      return Buffer.from(`${authentication(random)}\r\n`);
    case "DROP":
      // The honest one needs its ticket for the rest of the run.
      return Buffer.from(`DROP ${isThief ? tk : "AAAAAAAAAAAAAAAAAAAAAA"}\r\n`);
    default:
      return Buffer.from(`${verb}\r\n`);
  }
}

/** Nobody's password is tried in earnest: that takes a hundred milliseconds, as it has to. */
function authentication(random: Random): string {
  const nobody = Buffer.from("\0nobody\0x").toString("base64");
  return random.pick([
    "AUTH",
    "AUTH PLAIN",
    "AUTH PLAIN =",
    "AUTH PLAIN !",
    "AUTH NONE AAAA",
    "AUTH SCRAM-SHA-256 AAAA",
    "AUTH SCRAM-SHA-256-PLUS biwsbj1hbGxpY2U= cb=AAAA",
    "AUTH OAUTHBEARER bixhPXg=",
    "AUTH LOGIN",
    `AUTH PLAIN ${nobody.slice(0, 6)} ip=x`,
  ]);
}

const identity: Address = { localPart: "allice", domain: "someisp.test" };
let header: Buffer | null = null;

/** H of an honest message; old enough soon to be refused for its time, which is a path like another. */
function headerOf(kid: string): Buffer {
  if (header !== null) return header;
  const signer = new MessageSigner();
  signer.write(Buffer.from(`From: ${ALLICE}\r\nMessage-ID: <1@someisp.test>\r\n\r\nHi\r\n`));
  const prepared = signer.finish();
  assert.ok(prepared.ok);
  const signedAt = Math.floor(Date.now() / 1000);
  const recipients = [{ localPart: "bob", domain: "dest.test" }];
  header = prepared.draft({
    identity,
    kid,
    algorithm: "ed25519-sha256",
    signedAt,
    recipients,
  }).headerCanonical;
  return header;
}
