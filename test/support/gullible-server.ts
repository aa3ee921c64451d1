import { createServer, type Server, type Socket } from "node:net";

/** Every end of data that some server takes for one: where we send one of them within a message, it sees two. */
const END = /\r\n\.\r\n|\n\.\n|\n\.\r\n|\r\n\.\n|\r\.\r|\r\.\n|\n\.\r|\r\n\0?\.\0?\r\n/;

/** A mail server that believes what it is sent, octet by octet; it takes everything. */
export class GullibleServer {
  /** The messages it saw, dots unstuffed. */
  readonly messages: string[] = [];
  /** It offers STARTTLS, and answers it with replies to everything that could come after. */
  injects = false;
  injections = 0;
  port = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as { port: number }).port;
    return this.port;
  }

  /** The message that holds this text, now or soon. */
  async message(mark: string): Promise<string> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = this.messages.find((message) => message.includes(mark));
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`no message with ${mark}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket)));
    let text = "";
    let inData = false;
    socket.write("220 inner.test\r\n");
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (;;) {
        const end = inData ? END.exec(`\r\n${text}`) : /\r?\n/.exec(text);
        if (end === null) return;
        if (inData) {
          const at = end.index - 2;
          this.messages.push(`${text.slice(0, Math.max(0, at))}\r\n`.replaceAll(/(?<=^|\n)\.\./g, "."));
          text = text.slice(at + end[0].length);
          inData = false;
          socket.write("250 2.0.0 Taken\r\n");
          continue;
        }
        const line = text.slice(0, end.index).toUpperCase();
        text = text.slice(end.index + end[0].length);
        inData = line === "DATA";
        socket.write(this.#answer(line));
      }
    });
  }

  #answer(line: string): string {
    if (line.startsWith("EHLO"))
      return this.injects ? "250-inner.test\r\n250 STARTTLS\r\n" : "250 inner.test\r\n";
    if (line === "DATA") return "354 Go on\r\n";
    if (line !== "STARTTLS") return "250 2.0.0 Ok\r\n";
    this.injections++;
    return `220 Ready\r\n250-inner.test\r\n250 PIPELINING\r\n${"250 2.0.0 Ok\r\n".repeat(2)}354 Go on\r\n250 2.0.0 Taken\r\n`;
  }
}
