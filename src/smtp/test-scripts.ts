// What the tests of the client share: opening it, and servers that answer by a script.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import {
  type Dialer,
  type OpenResult,
  openSmtp,
  type RecipientOutcome,
  type SmtpClient,
  type SmtpClientOptions,
} from "./index.ts";

const dialer: Dialer = {
  async connect({ path, address, port }, signal) {
    const socket = connect(path === undefined ? { host: address, port } : { path });
    await once(socket, "connect", { signal });
    return socket;
  },
};

export function open(where: number | string, options: Partial<SmtpClientOptions> = {}): Promise<OpenResult> {
  const target =
    typeof where === "string"
      ? { host: "mx.test", path: where }
      : { host: "mx.test", address: "127.0.0.1", port: where };
  return openSmtp(dialer, target, { hostname: "client.test", tls: { mode: "never" }, ...options });
}

export async function opened(
  where: number | string,
  options: Partial<SmtpClientOptions> = {},
): Promise<SmtpClient> {
  const result = await open(where, options);
  return result.ok ? result.client : assert.fail(result.failure.text);
}

export async function failure(
  where: number | string,
  options: Partial<SmtpClientOptions> = {},
): Promise<string> {
  const result = await open(where, options);
  if (result.ok) return assert.fail("opened");
  const { status, stage, code, enhanced, text } = result.failure;
  return `${status} at ${stage}: ${code} ${enhanced} ${text}`;
}

export function brief(outcomes: readonly RecipientOutcome[]): string[] {
  return outcomes.map(
    ({ status, stage, code, enhanced, text }) => `${status} at ${stage}: ${code} ${enhanced} ${text}`,
  );
}

export const to = (address: string) => ({ address });

export const message = {
  reversePath: "a@client.test",
  recipients: [to("b@mx.test")],
  content: Buffer.from("Subject: x\r\n\r\n.dot\r\nlast line without end"),
};

/** A server that answers each line by a script; null: silence. */
export async function scripted(
  t: TestContext,
  greeting: string,
  answer: (line: string, socket: Socket) => string | null,
  path?: string,
): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(greeting);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        const words = answer(line, socket);
        if (words !== null) socket.write(words);
      }
    });
  });
  server.listen(path === undefined ? { port: 0, host: "127.0.0.1" } : { path });
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

/** The answers of an ordinary server, and what differs from them. */
export function answers(changed: Record<string, string | null>, ehlo = "250-x\r\n250 PIPELINING\r\n") {
  let inData = false;
  let silent = false;
  return (line: string): string | null => {
    if (silent || (inData && line !== ".")) return null;
    inData = false;
    const verb = line === "." ? "." : (line.split(/[ :]/)[0] as string);
    const found = changed[line] !== undefined ? changed[line] : changed[verb];
    const words =
      found !== undefined
        ? found
        : verb === "EHLO"
          ? ehlo
          : verb === "DATA"
            ? "354 go\r\n"
            : verb === "QUIT"
              ? "221 bye\r\n"
              : "250 2.0.0 ok\r\n";
    if (verb === "DATA" && words?.startsWith("354")) inData = true;
    silent = words === null;
    return words;
  };
}
