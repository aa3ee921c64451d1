import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { receivedInMemory } from "../reception/index.ts";
import {
  type ErrorReply,
  errorReply,
  limitReply,
  openVault,
  VaultClient,
  VaultServerSession,
} from "../vault-protocol/index.ts";
import { RemoteVault, signSubmission } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-remote-vault-"));
after(() => rmSync(folder, { recursive: true }));

const address = { localPart: "allice", domain: "someisp.test" };
const id16 = "FIH_rUKoiX6PoyILK0Uagg";
const now = Date.UTC(2026, 0, 1);

/** Lets anybody in, and says this to each SIGN. */
let said: ErrorReply = errorReply("TEMP", "");
/** Null: a ticket. */
let assertReply: ErrorReply | null = null;

function serve(socket: Socket): void {
  const session = new VaultServerSession(
    {
      capabilities: () => ({ mechanisms: ["PLAIN"], modes: ["SIGN"], mayAssert: true }),
      logIn: () => errorReply("UNSUPP", ""),
      answer: async ({ verb }) => {
        if (verb === "ASSERT" && assertReply !== null) return assertReply;
        if (verb === "ASSERT") return { kind: "ticket", ticket: id16, primary: address, accountId: "1" };
        if (verb !== "ID") return { kind: "done" };
        const key = { kid: id16, algorithm: "ed25519-sha256", statement: null } as const;
        return { kind: "identified", identity: address, keys: [key] };
      },
      sign: async () => said,
    },
    {
      send: (text) => void socket.write(text, "latin1"),
      resume: () => socket.resume(),
      close: () => socket.end(),
    },
  );
  socket.on("data", (octets) => session.receive(octets)).on("error", () => {});
  socket.write("+OK VSMTP-VAULT/1\r\n");
}

test("PRV-9 nobody's address, and no right to ask, are told apart: one is known, the other to be mended", async (t) => {
  const path = join(folder, "assert.sock");
  const server = createServer(serve).listen(path);
  await once(server, "listening");
  const client = new VaultClient({ open: () => openVault({ kind: "unix", path }) });
  const vault = new RemoteVault({ client, mode: "sign" });
  t.after(() => {
    assertReply = null;
    client.close();
    server.close();
  });
  const ask = async (reply: ErrorReply) => {
    assertReply = reply;
    const answer = await vault.assert(address, { client: "", channelBinding: null });
    return answer && "kind" in answer ? answer.kind : answer;
  };
  assert.equal(await ask(errorReply("POLICY", "no account has this address")), null);
  assert.equal(await ask(errorReply("DENIED", "")), "denied");
  assert.equal(await ask(errorReply("TEMP", "")), "unavailable");
});

test("PRV-15, PRV-28, PRV-29 what users are told when a vault does not sign", async (t) => {
  const path = join(folder, "vault.sock");
  const server = createServer(serve).listen(path);
  await once(server, "listening");
  const client = new VaultClient({ open: () => openVault({ kind: "unix", path }) });
  const vault = new RemoteVault({ client, mode: "sign" });
  t.after(() => {
    client.close();
    server.close();
  });
  const expected: readonly (readonly [ErrorReply, code: number, enhanced: string])[] = [
    [errorReply("DISABLED", ""), 550, "5.7.1"],
    [limitReply(5, now + 60_000), 451, "4.7.28"],
    [limitReply(5, null), 550, "5.7.28"],
    [errorReply("POLICY", "not yours"), 550, "5.7.1"],
    [errorReply("SYNTAX", "no header"), 550, "5.6.0"],
    [errorReply("LOCKED", ""), 550, "5.7.1"],
    [errorReply("TICKET", ""), 421, "4.7.0"],
    [errorReply("NOKEY", "again and again"), 451, "4.4.3"],
    [errorReply("DENIED", ""), 451, "4.4.3"],
    [errorReply("BUSY", ""), 451, "4.4.3"],
    [errorReply("TEMP", ""), 451, "4.4.3"],
  ];
  for (const [reply, code, enhanced] of expected) {
    said = reply;
    const login = await vault.assert(address, { client: "192.0.2.1", channelBinding: null });
    assert.ok(login !== null && !("kind" in login));
    const message = Buffer.from("From: allice@someisp.test\r\nTo: bob@dest.test\r\n\r\nHello\r\n");
    const result = await signSubmission(
      {
        message: receivedInMemory(message),
        recipients: ["bob@dest.test"],
        smtputf8: false,
        authservIds: [],
        staple: false,
        now,
      },
      login,
    );
    assert.ok(result.kind === "refused");
    assert.deepEqual([result.reply.code, result.reply.enhanced], [code, enhanced], reply.code);
    login.end();
  }
});
