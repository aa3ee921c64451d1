// A key server in a process of its own, which answers out of a store. `plain` answers KEY without TLS, which the
// protocol refuses, so that it can be compared with servers that speak in clear text: the session and the answers are
// the key server's own, behind the simplest of hosts.
import { createServer } from "node:net";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import { KeyServerSession } from "../src/key-protocol/index.ts";
import { KeyAnswerer, KeyServer } from "../src/key-server/index.ts";
import { PublicKeyView } from "../src/keyring/index.ts";
import { openPublicKeyringStore } from "../src/store/index.ts";
import { announce } from "./server-process.ts";

const [transport = "", location = "", replies = ""] = process.argv.slice(2);
const store = await openPublicKeyringStore({ location });
const onEnd = (): Promise<void> => store.close();
const common = {
  directory: new PublicKeyView(store),
  decoySecret: Buffer.alloc(32),
  remembered: Number(replies),
  exposure: "decoy",
} as const;

if (transport === "plain") {
  const answerer = new KeyAnswerer({
    ...common,
    signer: null,
    ttlSeconds: 600,
    veilMs: 2,
    answerMs: 5000,
    nowMs: Date.now,
    random: Math.random,
    onFailure: (cause) => {
      throw cause;
    },
  });
  const server = createServer({ noDelay: true }, (socket) => {
    const session = new KeyServerSession({ responder: answerer, exposure: "decoy", signed: () => false });
    session.secured();
    socket.on("error", () => socket.destroy());
    socket.on("data", (octets: Buffer) => {
      const step = session.receive(octets);
      if (!(step instanceof Promise)) socket.write(step.reply, "latin1");
      else {
        socket.pause();
        void step.then(({ reply }) => socket.resume().write(reply, "latin1"));
      }
    });
    socket.write("+OK VSMTP/1\r\n");
  });
  server.listen(0, "127.0.0.1", () => announce({ port: (server.address() as { port: number }).port }, onEnd));
} else {
  const name = [{ name: "commonName", value: "keys.example" }];
  const { cert, private: key } = await generate(name, { keyType: "ec", algorithm: "sha256" });
  const secureContext = createSecureContext({ cert, key });
  const limits = { costPerMinute: Number.POSITIVE_INFINITY };
  const server = new KeyServer({ ...common, secureContext: () => secureContext, limits });
  announce(await server.listen(0, "127.0.0.1"), onEnd);
}
