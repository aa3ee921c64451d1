import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import type { Client } from "./test-client.ts";
import { Site } from "./test-site.ts";

// Every refusal of a submission server as a user's mail program shows it: code, enhanced code, text.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-refusals-"));
/** Why the disk cannot be filled; null where it can. */
const noSmallDisk = mountSmall(folder);
let site: Site;
before(async () => {
  const limits = { recipients: 100, messageOctets: 2 << 20 };
  site = await Site.start("keyring in the process", Date, { folder, limits });
  const { keyring } = site.mode;
  const unal = await keyring.addAccount({ address: "ünal@someisp.test", password: "secret" });
  assert.ok(unal.ok);
  assert.ok((await keyring.grant(unal.account.id, { kind: "on-behalf", target: "boss@someisp.test" })).ok);
});
after(async () => {
  await site.stop();
  if (noSmallDisk === null) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true, force: true });
});

interface Refusal {
  /** Who logs in; null: nobody does. */
  readonly user?: string | null;
  readonly mail?: string;
  readonly recipients?: readonly string[];
  readonly header?: readonly string[];
  readonly body?: string;
  /** Another one than the account's own. */
  readonly password?: () => Promise<string>;
  /** Why it cannot be tried here. */
  readonly skip?: string | null;
  /** What goes wrong in the meantime: before MAIL, or before DATA. */
  readonly beforeMail?: () => unknown;
  readonly beforeData?: () => unknown;
  /** Mends it. */
  readonly afterwards?: () => unknown;
  /** The first reply that is no success. */
  readonly reply: string | RegExp;
}

const FROM = "From: allice@someisp.test";
const LINE = `${"x".repeat(70)}\r\n`;

const LARGE = LINE.repeat(8000);

const notOwned = "is neither your address nor granted to you";
const unsignable = "550 5.6.0 The message cannot be signed:";
const unsigned = "451 4.4.3 The message cannot be signed now, so it is not sent; try again later";

const refusals: Readonly<Record<string, Refusal>> = {
  // At MAIL.
  "nobody is logged in": { user: null, reply: "530 5.7.0 Authentication required" },
  "a sender that is not the user's": {
    mail: "<boss@someisp.test>",
    reply: `550 5.7.1 <boss@someisp.test> ${notOwned}`,
  },
  "a sender that no account can have": {
    mail: "<allice@[192.0.2.1]>",
    reply: `550 5.7.1 <allice@[192.0.2.1]> ${notOwned}`,
  },
  "a sender beyond ASCII": {
    user: "ünal",
    mail: "<ünal@someisp.test>",
    reply: "553 5.6.7 A non-ASCII address needs SMTPUTF8",
  },
  "a message that is too large by its own word": {
    mail: "<allice@someisp.test> SIZE=99999999",
    reply: "552 5.3.4 The message is larger than 2097152 octets",
  },
  "an account that is suspended before MAIL": {
    beforeMail: () => site.mode.keyring.suspend(site.account("allice")),
    afterwards: () => site.mode.keyring.resume(site.account("allice")),
    reply: "550 5.7.1 This account is suspended; ask your provider",
  },
  "keys that cannot be had at MAIL": {
    beforeMail: breakKeys,
    afterwards: () => site.mode.keyring.rekey(site.account("allice")),
    reply: "451 4.4.3 The sender address cannot be checked now; try again later",
  },
  "a login whose app password is gone before MAIL": {
    password: () => addAppPassword("phone"),
    beforeMail: () => removeAppPassword(),
    reply: "421 4.7.0 Your login has ended; connect and log in again",
  },
  // At RCPT and DATA.
  "a recipient beyond ASCII": {
    recipients: ["<bób@dest.test>"],
    reply: "553 5.6.7 A non-ASCII address needs SMTPUTF8",
  },
  "a recipient that is none": {
    recipients: ["<bob>"],
    reply: "501 5.1.3 Bad recipient: the address has no domain",
  },
  "too many recipients": {
    recipients: Array.from({ length: 101 }, (_, index) => `<r${index}@dest.test>`),
    reply: "452 4.5.3 Too many recipients, send the others in another transaction",
  },
  "no recipient": { recipients: [], reply: "554 5.5.1 No valid recipients" },
  // The message itself.
  "a message that is too large": {
    body: LINE.repeat(40_000),
    reply: "552 5.3.4 The message is larger than 2097152 octets",
  },
  "a header that is too large": {
    header: [FROM, `X-Filler: ${LINE}`.repeat(15_000).trimEnd()],
    reply: "552 5.3.4 The header of this message is larger than 1 MiB",
  },
  "a loop": {
    header: [FROM, ...Array<string>(100).fill("Received: by a")],
    reply: "554 5.4.6 This message has been through 100 servers: mail loop",
  },
  "a line feed alone": {
    body: "a\nb\r\n",
    reply: "550 5.6.0 Message refused: a LF without CR (lines end with CR LF)",
  },
  "a line that is too long": {
    body: `${"x".repeat(999)}\r\n`,
    reply: "550 5.6.0 Message refused: a line longer than 998 octets",
  },
  "a header line that is none": {
    header: [FROM, "no field"],
    reply: `${unsignable} line 2 (byte 27): a header line that has no valid field name`,
  },
  "no From": { header: ["Subject: x"], reply: `${unsignable} no From address` },
  "From that cannot be read": {
    header: ["From: allice@"],
    reply: `${unsignable} From: character 8: a domain label expected, the end found`,
  },
  "From without an address": { header: ["From: nobody:;"], reply: `${unsignable} no From address` },
  "two From fields": { header: [FROM, FROM], reply: `${unsignable} 2 from fields where one is allowed` },
  "two Subject fields": {
    header: [FROM, "Subject: a", "Subject: b"],
    reply: `${unsignable} 2 subject fields where one is allowed`,
  },
  "two addresses in Sender": {
    header: [FROM, "Sender: allice@someisp.test, al@someisp.test"],
    reply: `${unsignable} Sender holds 2 mailboxes where exactly one is allowed`,
  },
  // Whose it is.
  "From of somebody else": {
    header: ["From: boss@someisp.test"],
    reply: `550 5.7.1 boss@someisp.test in From ${notOwned}`,
  },
  "Sender of somebody else": {
    header: [FROM, "Sender: boss@someisp.test"],
    reply: `550 5.7.1 boss@someisp.test in Sender ${notOwned}`,
  },
  "From that no account can have": {
    header: ["From: allice@[192.0.2.1]"],
    reply: "550 5.7.1 From: an address literal names a host, not a domain, so no account owns it",
  },
  "From beyond ASCII without SMTPUTF8": {
    user: "ünal",
    mail: "<>",
    header: ["From: ünal@someisp.test"],
    reply: "550 5.6.7 %C3%BCnal@someisp.test in From needs SMTPUTF8",
  },
  "Sender beyond ASCII that would have to be added": {
    user: "ünal",
    mail: "<>",
    header: ["From: boss@someisp.test"],
    reply: "550 5.6.7 Sender %C3%BCnal@someisp.test has to be added, which needs SMTPUTF8",
  },
  "an account that is suspended before DATA": {
    beforeData: () => site.mode.keyring.suspend(site.account("allice")),
    afterwards: () => site.mode.keyring.resume(site.account("allice")),
    reply: "550 5.7.1 This account is suspended; ask your provider",
  },
  "a login whose app password is gone before DATA": {
    password: () => addAppPassword("tablet"),
    beforeData: () => removeAppPassword(),
    reply: "421 4.7.0 Your login has ended; connect and log in again",
  },
  // How much.
  "more recipients than the account may ever have": {
    beforeMail: () => site.mode.keyring.setRecipientLimit(site.account("allice"), 1),
    recipients: ["<bob@dest.test>", "<carol@dest.test>"],
    afterwards: () => site.mode.keyring.setRecipientLimit(site.account("allice"), null),
    reply: "550 5.7.28 Your account may write to 1 recipient in a period, and these are more",
  },
  "more recipients than the account may have now": {
    beforeMail: async () => {
      assert.match(await sendOne(), /^250/);
      const used = (await site.mode.keyring.recipientUsage(site.account("allice")))?.used ?? 0;
      await site.mode.keyring.setRecipientLimit(site.account("allice"), used);
    },
    afterwards: () => site.mode.keyring.setRecipientLimit(site.account("allice"), null),
    reply:
      /^451 4\.7\.28 Your account may write to \d+ recipients? in a period; try again in \d+ minutes\r\n$/,
  },
  // What fails on our side.
  "a key store that does not answer": {
    beforeData: () => lock(site.mode.keyringPath),
    afterwards: unlock,
    reply: unsigned,
  },
  "a queue that is busy": {
    beforeData: () => lock(site.queuePath),
    afterwards: unlock,
    reply: "451 4.3.0 The message cannot be stored now; try again later",
  },
  "a spool that is broken": {
    body: LARGE,
    beforeData: breakSpool,
    afterwards: mendSpool,
    reply: "451 4.3.0 The message cannot be stored now; try again later",
  },
  "a disk without room for the queue": {
    skip: noSmallDisk,
    body: LINE.repeat(3000),
    beforeData: fillDisk,
    afterwards: emptyDisk,
    reply: "452 4.3.1 There is no room for the message now; try again later",
  },
  "a disk without room for the spool": {
    skip: noSmallDisk,
    body: LARGE,
    beforeData: fillDisk,
    afterwards: emptyDisk,
    reply: "452 4.3.1 There is no room for the message now; try again later",
  },
};

let appPasswordId = "";

async function addAppPassword(name: string): Promise<string> {
  const added = await site.mode.keyring.addAppPassword(site.account("allice"), { name });
  assert.ok(added.ok);
  appPasswordId = added.id;
  return added.secret;
}

async function removeAppPassword(): Promise<void> {
  assert.ok((await site.mode.keyring.removeAppPassword(site.account("allice"), appPasswordId)).ok);
}

let locked: DatabaseSync | null = null;

function lock(path: string): void {
  locked = new DatabaseSync(path);
  locked.exec("BEGIN IMMEDIATE");
}

function unlock(): void {
  locked?.exec("ROLLBACK");
  locked?.close();
}

function breakSpool(): void {
  renameSync(join(site.folder, "spool"), join(site.folder, "aside"));
  writeFileSync(join(site.folder, "spool"), "");
}

function mendSpool(): void {
  rmSync(join(site.folder, "spool"));
  renameSync(join(site.folder, "aside"), join(site.folder, "spool"));
}

async function breakKeys(): Promise<void> {
  assert.ok((await site.mode.keyring.rekey(site.account("allice"))).ok);
  const raw = new DatabaseSync(site.mode.keyringPath);
  raw
    .prepare("UPDATE key_pair SET sealed = x'00' WHERE account = ? AND state = 'active'")
    .run(site.account("allice"));
  raw.close();
}

function fillDisk(): void {
  const filler = openSync(join(folder, "filler"), "w");
  const block = Buffer.alloc(1 << 20);
  assert.throws(() => {
    while (writeSync(filler, block) > 0);
  }, /ENOSPC/);
  closeSync(filler);
}

function emptyDisk(): void {
  rmSync(join(folder, "filler"));
}

/** Why a small file system cannot be had; null where it was mounted. */
function mountSmall(place: string): string | null {
  if (process.getuid?.() !== 0) return "only root can mount a small file system";
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", place]);
  return status === 0 ? null : "a small file system cannot be mounted here";
}

for (const [what, refusal] of Object.entries(refusals)) {
  test(`refused: ${what}`, { skip: refusal.skip ?? false }, async () => {
    const { user = "allice", password } = refusal;
    const client = user === null ? await site.connect() : await site.logIn(user, await password?.());
    try {
      const answer = await firstRefusal(client, refusal);
      if (typeof refusal.reply === "string") assert.equal(answer.trimEnd(), refusal.reply);
      else assert.match(answer, refusal.reply);
    } finally {
      await refusal.afterwards?.();
      client.close();
    }
  });
}

test("what is refused is neither queued nor left in the spool", async () => {
  await site.drain();
  assert.match(await sendOne(), /^250/);
  assert.equal((await site.drain()).length, 1);
});

async function firstRefusal(client: Client, refusal: Refusal): Promise<string> {
  await refusal.beforeMail?.();
  const mail = await client.say(`MAIL FROM:${refusal.mail ?? "<allice@someisp.test>"}`);
  if (!mail.startsWith("2")) return mail;
  for (const recipient of refusal.recipients ?? ["<bob@dest.test>"]) {
    const answer = await client.say(`RCPT TO:${recipient}`);
    if (!answer.startsWith("2")) return answer;
  }
  await refusal.beforeData?.();
  const header = (refusal.header ?? [FROM]).join("\r\n");
  return client.send(`${header}\r\n\r\n${refusal.body ?? "Hi\r\n"}`);
}

async function sendOne(): Promise<string> {
  const client = await site.logIn();
  try {
    return await firstRefusal(client, { reply: "" });
  } finally {
    client.close();
  }
}
