import { rmSync } from "node:fs";
import { chmod, chown, mkdir, readFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { listenUnix } from "../unix-socket/index.ts";

/** Whom a Unix socket is for: exactly one of the two. */
export interface SocketOwner {
  readonly user: string | null;
  readonly group: string | null;
}

/** The socket of one enrolment, which only its Unix user or group can open (PRV-33). */
export class PeerSocket {
  readonly path: string;
  /** The system could not give it a connection. */
  onError: (cause: Error) => void = () => {};
  readonly #server: Server;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
    server.on("error", (cause) => this.onError(cause));
  }

  /**
   * Makes `<folder>/<name>.sock`, in place of a stale one.
   *
   * @throws Error when the owner does not exist or cannot be given the socket
   */
  static async open(
    folder: string,
    name: string,
    owner: SocketOwner,
    accept: (socket: Socket) => void,
  ): Promise<PeerSocket> {
    if (process.platform === "win32") throw new Error("there are no Unix sockets on this system");
    const path = join(folder, `${name}.sock`);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const server = createServer({ noDelay: true }, accept);
    await listenUnix(server, path, (made) => giveTo(made, owner));
    return new PeerSocket(path, server);
  }

  /** Takes no more connections; those that are open are their owner's to end. */
  close(): void {
    this.#server.close();
    // At once, before another enrolment of this name can make its own.
    rmSync(this.path, { force: true });
  }
}

async function giveTo(path: string, { user, group }: SocketOwner): Promise<void> {
  if (group !== null) {
    await chown(path, -1, await idOf("/etc/group", group));
    await chmod(path, 0o660);
  } else {
    const uid = await idOf("/etc/passwd", user ?? "");
    if (uid !== process.getuid?.()) await chown(path, uid, -1);
    await chmod(path, 0o600);
  }
}

/** The number of a user or group: it is the third column in both files. Names of directory services: give the number. */
async function idOf(file: string, name: string): Promise<number> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  for (const line of (await readFile(file, "utf8")).split("\n")) {
    const [found, , id] = line.split(":");
    if (found === name && id !== undefined) return Number(id);
  }
  throw new Error(`${file} has no "${name}"; a number can stand for it`);
}
