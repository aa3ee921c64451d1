import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const postfix = "/usr/sbin/postfix";

/** Why Debian's Postfix cannot be run here, as the reason to skip a test; false when it can. */
export function missingPostfix(): string | false {
  if (!existsSync(postfix)) return "peer: postfix is not installed (apt-get install postfix)";
  if (process.getuid?.() !== 0) return "peer: postfix is started by root only";
  return false;
}

/**
 * Debian's Postfix as a relay of its own: configuration, queue and log in a temporary folder, ports on loopback,
 * nothing of the system's instance touched. It takes mail for `domain` from anybody and passes it to one next hop;
 * all that changes mail is as Postfix has it by default.
 *
 * Mail from 127.0.0.1 is for it mail of its own machine, whose header it completes
 * (`local_header_rewrite_clients`); from other addresses, 127.0.0.2 for one, it is other hosts' mail.
 */
export class Postfix {
  readonly port: number;
  readonly #folder: string;
  readonly #master: ChildProcess;

  private constructor(port: number, folder: string, master: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#master = master;
  }

  static async start(options: { readonly domain: string; readonly nextHopPort: number }): Promise<Postfix> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-postfix-"));
    chmodSync(folder, 0o755); // Postfix's own user has to get in
    const configuration = join(folder, "etc");
    const port = await freePort();
    for (const name of ["etc", "queue", "data"]) mkdirSync(join(folder, name));
    chownSync(join(folder, "data"), Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" })), 0);
    writeFileSync(join(configuration, "main.cf"), mainCf(folder, options.domain, options.nextHopPort));
    writeFileSync(join(configuration, "master.cf"), masterCf(port));
    execFileSync(postfix, ["-c", configuration, "check"], { stdio: "pipe" }); // makes the queue's folders
    const daemons = execFileSync("/usr/sbin/postconf", ["-d", "-h", "daemon_directory"], {
      encoding: "utf8",
    });
    // In a process group of its own: when it ends, master signals its whole group.
    const master = spawn(join(daemons.trim(), "master"), ["-c", configuration, "-d"], {
      detached: true,
      stdio: "ignore",
    });
    const relay = new Postfix(port, folder, master);
    try {
      await relay.#greeted();
      return relay;
    } catch (error) {
      await relay.stop();
      throw error;
    }
  }

  /** What Postfix wrote about its work. */
  log(): string {
    const file = join(this.#folder, "log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  async stop(): Promise<void> {
    if (this.#master.exitCode === null && this.#master.signalCode === null) {
      const ended = new Promise((resolve) => this.#master.once("exit", resolve));
      this.#master.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #greeted(): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!(await greets(this.port))) {
      if (Date.now() > deadline || this.#master.exitCode !== null) {
        throw new Error(`Postfix does not answer on port ${this.port}\n${this.log()}`);
      }
      await sleep(50);
    }
  }
}

function mainCf(folder: string, domain: string, nextHopPort: number): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
myhostname = relay.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relay_domains = ${domain}
relayhost = [127.0.0.1]:${nextHopPort}
# A closed network without DNS.
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
`;
}

/** The services of Debian's master.cf that a relay needs, without chroot. */
function masterCf(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(5000, () => answer(false));
    socket.once("data", (data) => answer(data.toString("latin1").startsWith("220 ")));
    socket.once("error", () => answer(false));
    socket.once("close", () => resolve(false));
  });
}
