import { measureReply, openPlain, type Peer, Script } from "./lookup-client.ts";
import { NativeServer } from "./native-server.ts";

/**
 * redis with the key of each name, asked by GET; null where it is not installed.
 *
 * @param keys by name, in base64
 * @param folder for what it writes
 */
export async function startRedis(keys: ReadonlyMap<string, string>, folder: string): Promise<Peer | null> {
  if (!NativeServer.has("redis-server")) return null;
  const server = await NativeServer.start("redis-server", (port) => [
    ...["--port", String(port), "--bind", "127.0.0.1"],
    ...["--save", "", "--appendonly", "no", "--dir", folder],
  ]);
  const keyOf = (name: string): string => `${name}@example.test`;
  const open = openPlain(server.port, { greeted: false });
  await new Promise<void>((resolve, reject) => {
    let left = keys.size * "+OK\r\n".length;
    const opened = open((count) => {
      left -= count;
      if (left === 0) void opened.then((socket) => resolve(void socket.destroy()));
    });
    opened.then((socket) => {
      for (const [name, key] of keys) socket.write(command("SET", keyOf(name), key));
    }, reject);
  });
  const script = Script.of(Array.from(keys.keys(), (name) => command("GET", keyOf(name))));
  const replyOctets = await measureReply(open, script, "MCowBQYDK2Vw");
  return { server, open, script, replyOctets, requestsPerConnection: Number.POSITIVE_INFINITY };
}

function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}
