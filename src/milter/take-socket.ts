import { once } from "node:events";
import { rmSync, statSync } from "node:fs";
import { chmod, lstat } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { listenUnix } from "../unix-socket/index.ts";

/**
 * Listens at a Unix socket, in place of one that nobody listens at any more.
 *
 * @returns removes the socket, unless another has taken its place
 * @throws Error where something else stands there, or somebody listens
 */
export async function takeSocket(server: Server, path: string, mode: number): Promise<() => void> {
  const found = await lstat(path).catch(() => null);
  if (found !== null && !found.isSocket()) throw new Error(`${path} is there and is no socket`);
  if (found !== null && (await isAnswered(path))) throw new Error(`somebody listens at ${path} already`);
  await listenUnix(server, path, (made) => chmod(made, mode));
  const { ino } = statSync(path);
  return () => {
    if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
  };
}

/** Whether somebody listens there: only then is a connection made. Rejects where one may not try. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") return false;
    throw error;
  } finally {
    socket.destroy();
  }
}
