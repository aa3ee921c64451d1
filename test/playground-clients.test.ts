import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { missingProgram, runClient } from "./support/client-program.ts";
import { type Login, mailClients } from "./support/mail-clients.ts";

// `npm start` as a newcomer uses it: the programs that people send mail with send through it, and the mail arrives in
// a mailbox of the other provider, with the verdict in its header.

/** What of `playground.json` is used here. */
interface Description {
  readonly caFile: string;
  readonly providers: readonly {
    readonly name: string;
    readonly submissionTls: number;
    readonly submissionStartTls: number;
    readonly mailFolder: string;
  }[];
  readonly users: readonly { readonly address: string; readonly password: string }[];
}

const folder = mkdtempSync(join(tmpdir(), "vsmtp-newcomer-"));
let playground: ChildProcess;
let printed = "";
let description: Description;

before(async () => {
  // In a process group of its own, as a terminal gives it: Ctrl-C reaches all of it.
  playground = spawn("npm", ["start"], {
    cwd: join(import.meta.dirname, ".."),
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  playground.stdout?.on("data", (octets: Buffer) => {
    printed += octets.toString();
  });
  await waitFor("the invitation to send mail", () => printed.includes("Waiting for mail"));
  description = JSON.parse(readFileSync(/^ {2}Programs {2}(\S+)$/m.exec(printed)?.[1] ?? "", "utf8"));
});
after(() => {
  interrupt();
  rmSync(folder, { recursive: true });
});

test("every scenario came out as expected before the newcomer's turn", () => {
  assert.match(printed, /^All \d+ came out as expected\.$/m);
});

for (const client of mailClients) {
  test(`mail from ${client.name} arrives with vsmtp=pass (REC-1)`, {
    skip: missingProgram(client.program),
  }, async () => {
    for (const tls of ["implicit", "starttls"] as const) {
      const subject = `${client.program} ${tls}`;
      const message = `From: allice@someisp.test\nTo: bob@dest.test\nSubject: ${subject}\n\nHi Bob.\n`;
      const mail = { sender: "allice@someisp.test", recipients: ["bob@dest.test"], message };
      const run = await client.send(login(tls), mail, folder);
      assert.equal(run.status, 0, run.output);
      assertVerified(await arrived(subject));
    }
  });
}

test("the commands that the playground prints work as they are", {
  skip: missingProgram("swaks") || missingProgram("curl"),
}, async () => {
  for (const program of ["swaks", "curl"]) {
    const section = new RegExp(`^${program}\\n((?: {4}.*\\n)+)`, "m").exec(printed)?.[1] ?? "";
    assert.match(section, /Subject: Hello/);
    const run = await runClient("sh", ["-ec", section.replace("Subject: Hello", `Subject: ${program} hint`)]);
    assert.equal(run.status, 0, run.output);
    assertVerified(await arrived(`${program} hint`));
  }
});

test("each further message shows live, with its verdict", { skip: missingProgram("curl") }, () => {
  const live = printed.slice(printed.indexOf("Waiting for mail"));
  assert.match(live, /someisp\.test signed a message of allice@someisp\.test for one recipient/);
  assert.match(live, /dest\.test judged mail .* to bob@dest\.test\n +pass {2}align=from {2}rcpt=match/);
});

test("Ctrl-C ends it and removes its folder", async () => {
  const place = description.caFile;
  assert.ok(existsSync(place));
  interrupt();
  await waitFor("the end", () => printed.includes("Stopped.") && !existsSync(place));
});

function login(tls: "implicit" | "starttls"): Login {
  const provider = description.providers.find(({ name }) => name === "someisp.test");
  const user = description.users.find(({ address }) => address === "allice@someisp.test");
  assert.ok(provider && user);
  const port = tls === "implicit" ? provider.submissionTls : provider.submissionStartTls;
  return { tls, port, caFile: description.caFile, user: user.address, password: user.password };
}

/** The message with this subject in bob's mailbox at dest.test. */
async function arrived(subject: string): Promise<string> {
  const provider = description.providers.find(({ name }) => name === "dest.test");
  const maildir = join(provider?.mailFolder ?? "", "dest.test", "bob", "new");
  let found: string | undefined;
  await waitFor(`mail with the subject "${subject}"`, () => {
    const mails = readdirSync(maildir).map((name) => readFileSync(join(maildir, name), "latin1"));
    found = mails.find((mail) => mail.includes(`\nSubject: ${subject}`));
    return found !== undefined;
  });
  return found ?? "";
}

function assertVerified(mail: string): void {
  const unfolded = mail.replaceAll(/\r\n[ \t]+/g, " ");
  assert.match(
    unfolded,
    /^Authentication-Results: mx\.dest\.test; vsmtp=pass header\.i=allice@someisp\.test /m,
  );
  assert.match(
    unfolded,
    / header\.k=\S{22} policy\.align=from policy\.rcpt=match policy\.trust=(host|domain);/m,
  );
}

/** What Ctrl-C does in a terminal. */
function interrupt(): void {
  try {
    if (playground.pid !== undefined) process.kill(-playground.pid, "SIGINT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function waitFor(what: string, happened: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!happened()) {
    if (Date.now() > deadline) throw new Error(`${what} did not come; printed so far:\n${printed}`);
    await sleep(50);
  }
}
