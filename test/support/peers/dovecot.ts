import { chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";

const dovecot = "/usr/sbin/dovecot";
const lmtp = "/usr/lib/dovecot/lmtp";
const password = "secret";
const mailUser = 5000; // whose the Maildirs are; it needs no name

/** Why Debian's Dovecot cannot be run here, as the reason to skip a test; false when it can. */
export function missingDovecot(): string | false {
  if (!existsSync(lmtp)) return "peer: Dovecot is not installed (apt-get install dovecot-lmtpd)";
  if (process.getuid?.() !== 0) return "peer: Dovecot is started by root only";
  return false;
}

/** Debian's Dovecot, which takes mail by LMTP for virtual users and puts it into Maildirs. */
export class Dovecot {
  readonly port: number;
  /** LMTP, as on the port. */
  readonly socket: string;
  /** Where mail servers ask whether a password is right: `password` is everybody's. */
  readonly password = password;
  readonly authSocket: string;
  readonly #folder: string;
  readonly #process: PeerProcess;

  private constructor(port: number, folder: string, process: PeerProcess) {
    this.port = port;
    this.socket = join(folder, "run/lmtp");
    this.authSocket = join(folder, "run/auth-client");
    this.#folder = folder;
    this.#process = process;
  }

  /**
   * @param users addresses, with the octets that their mailboxes may have; mail for others is refused at RCPT, mail that
   * is too much behind the content, for this recipient alone
   */
  static async start(users: Readonly<Record<string, number>>): Promise<Dovecot> {
    const folder = makePeerFolder("dovecot", ["run", "state", "mail"]);
    chownSync(join(folder, "mail"), mailUser, mailUser);
    const lines = Object.entries(users).map(
      ([user, most]) =>
        `${user}:{PLAIN}${password}:${mailUser}:${mailUser}::::userdb_quota_rule=*:bytes=${most}\n`,
    );
    writeFileSync(join(folder, "users"), lines.join(""));
    const [port = 0] = await freePorts(1);
    const file = join(folder, "dovecot.conf");
    writeFileSync(file, configuration(folder, port));
    const process = await PeerProcess.start({
      name: "Dovecot",
      folder,
      command: [dovecot, "-F", "-c", file],
      ports: [port],
      logs: ["log"],
      signal: "SIGTERM", // it takes its children along
    });
    return new Dovecot(port, folder, process);
  }

  /** The messages in a user's Maildir. */
  messages(user: string): string[] {
    const maildir = join(this.#folder, "mail", user, "new");
    if (!existsSync(maildir)) return [];
    return readdirSync(maildir).map((name) => readFileSync(join(maildir, name), "latin1"));
  }

  log(): string {
    return this.#process.log();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

function configuration(folder: string, port: number): string {
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = lmtp
ssl = no
hostname = dovecot.test
mail_location = maildir:${folder}/mail/%u
mail_plugins = quota
plugin {
  quota = maildir:mailbox
}
passdb {
  driver = passwd-file
  args = ${folder}/users
}
userdb {
  driver = passwd-file
  args = ${folder}/users
}
service auth {
  unix_listener auth-client {
    mode = 0666
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0600
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
}
`;
}
