import { once } from "node:events";
import { mkdtemp, rename, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { dirname, join } from "node:path";

/**
 * Has a server listen at a Unix socket, in place of whatever stands there. It is made in a folder that only this user can
 * enter and moved when owner and mode are right: there is no moment at which somebody else could open it. Rejects, and the
 * server is closed, when that fails.
 *
 * @param prepare gives the socket at this path its owner and mode
 */
export async function listenUnix(
  server: Server,
  path: string,
  prepare: (made: string) => Promise<void>,
): Promise<void> {
  const workshop = await makeWorkshop(dirname(path));
  const made = join(workshop, "s");
  try {
    server.listen(made);
    await once(server, "listening");
    await prepare(made);
    await rename(made, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Of mode 0700. The error names the folder that an operator knows. */
async function makeWorkshop(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, ".listen-"));
  } catch (cause) {
    throw Object.assign(cause as Error, { path: folder });
  }
}
