import { once } from "node:events";
import { rmSync, statSync } from "node:fs";
import { chmod, lstat, mkdtemp, rename, rm } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";

/**
 * Listens at a Unix socket, in place of one that nobody listens at any more. It is made in a folder that only this user can
 * enter and moved when its mode is right: there is no moment at which somebody else could open it.
 *
 * @returns removes the socket, unless another has taken its place
 * @throws Error where something else stands there, or somebody listens
 */
export async function listenUnix(server: Server, path: string, mode: number): Promise<() => void> {
  const found = await lstat(path).catch(() => null);
  if (found !== null && !found.isSocket()) throw new Error(`${path} is there and is no socket`);
  if (found !== null && (await isAnswered(path))) throw new Error(`somebody listens at ${path} already`);
  const workshop = await mkdtemp(join(dirname(path), ".milter-")); // mode 0700
  const made = join(workshop, "s");
  try {
    server.listen(made);
    await once(server, "listening");
    await chmod(made, mode);
    await rename(made, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
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
