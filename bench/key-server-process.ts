// The servers of key-server.ts, one to a process so that each has a core: `key` is the real key server with accounts
// in memory, `echo` answers each line with as many octets as the key server would and does nothing else.
import { generateKeyPairSync } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { generate } from "selfsigned";
import { type KeyDirectory, KeyServer } from "../src/key-server/index.ts";
import { keyId } from "../src/signature/index.ts";
import { announce } from "./server-process.ts";

const [mode, replyOctets] = process.argv.slice(2);
const ACCOUNTS = 10_000;

const certificate = await generate([{ name: "commonName", value: "keys.example" }], {
  keyType: "ec",
  algorithm: "sha256",
});
const secureContext = createSecureContext({ key: certificate.private, cert: certificate.cert });

if (mode === "key") {
  const spki = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" });
  const now = Math.floor(Date.now() / 1000);
  const key = {
    kid: keyId(spki),
    algorithm: "ed25519-sha256" as const,
    state: "active" as const,
    spki,
    notBefore: now - 1000,
    notAfter: now + 1_000_000,
    grants: [],
  };
  const keys = new Map(
    Array.from({ length: ACCOUNTS }, (_, n) => [`u${10_000 + n}`, [{ ...key, owner: `u${10_000 + n}` }]]),
  );
  const directory: KeyDirectory = {
    changeCount: () => 0,
    changedSince: () => new Set(),
    domain: async () => ({ epoch: null, statementKey: null }),
    keys: async ({ localPart }) => keys.get(localPart) ?? [],
  };
  const server = new KeyServer({
    directory,
    secureContext: () => secureContext,
    decoySecret: Buffer.alloc(32),
    veilMs: 0,
    limits: { costPerMinute: Number.POSITIVE_INFINITY },
  });
  const { port } = await server.listen(0, "127.0.0.1");
  announce({ port, kid: key.kid });
} else {
  const reply = Buffer.alloc(Number(replyOctets), "x");
  const replies = Array.from({ length: 17 }, (_, count) => Buffer.concat(Array(count).fill(reply)));
  const answer = (socket: Socket, octets: Buffer): void => {
    let lines = 0;
    for (let at = octets.indexOf(10); at >= 0; at = octets.indexOf(10, at + 1)) lines++;
    for (; lines > 0; lines -= 16) socket.write(replies[Math.min(lines, 16)] as Buffer);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    // The key server's opening, with nothing behind it.
    socket.write("+OK\r\n");
    socket.once("data", (first) => {
      if (first.toString() !== "STLS\r\n") {
        answer(socket, first);
        socket.on("data", (octets) => answer(socket, octets));
        return;
      }
      socket.write("+OK\r\n");
      const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ["vsmtp-key"] });
      secure.on("error", () => secure.destroy());
      secure.once("secure", () => secure.on("data", (octets: Buffer) => answer(secure, octets)));
    });
  });
  server.listen(0, "127.0.0.1", () => announce({ port: (server.address() as { port: number }).port }));
}
