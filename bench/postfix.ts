import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort, listens, NativeServer, PATH } from "./native-server.ts";

const START_MS = 20_000;

/** Is all of it installed, and may it be started? Postfix wants root. */
export function hasPostfixWithOpenDkim(): boolean {
  return (
    process.getuid?.() === 0 &&
    ["postfix", "smtp-source", "smtp-sink", "opendkim"].every((program) => NativeServer.has(program))
  );
}

export interface PostfixLogins {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
  readonly dovecotSocket: string;
}

/** What OpenDKIM does. */
type Filtering =
  /** Signs with Ed25519. */
  | { readonly mode: "sign" }
  /** Verifies; it has the DKIM record at hand, which is faster than any DNS. */
  | { readonly mode: "verify"; readonly name: string; readonly record: string };

/** What sees the mail: OpenDKIM, a milter that listens already, or nobody. */
export type Milter =
  | Filtering
  | { readonly mode: "other"; readonly port: number }
  | { readonly mode: "none" };

/**
 * Postfix that has a milter sign or verify, and hands everything to one next hop, with the settings that made it fastest
 * here. It writes no mail log, though it would to a host's syslog.
 */
export class PostfixServer {
  readonly port: number;
  readonly pids: readonly number[];
  /** Of OpenDKIM, where it was started. */
  readonly milterPids: readonly number[];
  readonly #processes: readonly ChildProcess[];
  readonly #settings: string;

  private constructor(
    port: number,
    settings: string,
    postfix: ChildProcess,
    milters: readonly ChildProcess[],
  ) {
    this.port = port;
    this.#settings = settings;
    this.#processes = [postfix, ...milters];
    this.pids = this.#processes.map(({ pid }) => pid as number);
    this.milterPids = milters.map(({ pid }) => pid as number);
  }

  /**
   * @param folder of which Postfix's users may pass the parents
   * @param logins TLS from the first octet, and AUTH; null: neither
   */
  static async start(
    folder: string,
    nextHopPort: number,
    logins: PostfixLogins | null = null,
    milter: Milter = { mode: "sign" },
  ): Promise<PostfixServer> {
    const opendkim =
      milter.mode === "sign" || milter.mode === "verify" ? await startOpenDkim(folder, milter) : null;
    const milterPort = milter.mode === "other" ? milter.port : (opendkim?.port ?? null);
    const port = await freePort();
    const settings = writePostfix({ folder, port, nextHopPort, milterPort, logins });
    const postfix = run("postfix", ["-c", settings, "start-fg"]);
    await listening(port, postfix, "postfix");
    return new PostfixServer(port, settings, postfix, opendkim ? [opendkim.process] : []);
  }

  async stop(): Promise<void> {
    spawnSync("postfix", ["-c", this.#settings, "stop"], { env: { PATH }, stdio: "ignore" });
    await Promise.all(
      this.#processes.map((process) => {
        if (process.exitCode !== null || process.signalCode !== null) return null;
        process.kill();
        return new Promise((resolve) => process.once("exit", resolve));
      }),
    );
  }
}

function run(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { env: { PATH }, stdio: "ignore" });
  process.once("exit", () => child.kill());
  return child;
}

async function listening(port: number, child: ChildProcess, name: string): Promise<void> {
  const end = performance.now() + START_MS;
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${name} does not start`);
    await pause(50);
  }
}

async function startOpenDkim(
  folder: string,
  filtering: Filtering,
): Promise<{ port: number; process: ChildProcess }> {
  const port = await freePort();
  const child = run("opendkim", ["-f", "-x", writeOpenDkim(folder, port, filtering)]);
  await listening(port, child, "opendkim");
  return { port, process: child };
}

function writeOpenDkim(folder: string, port: number, filtering: Filtering): string {
  const file = join(folder, "opendkim.conf");
  writeFileSync(
    file,
    `Socket inet:${port}@127.0.0.1
Syslog no
RequireSafeKeys no
Canonicalization relaxed/relaxed
Background no
${filtering.mode === "sign" ? signing(folder) : verifying(folder, filtering)}`,
  );
  return file;
}

function signing(folder: string): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = join(folder, "dkim.pem");
  writeFileSync(key, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  return `Mode s
Domain example.test
Selector ed25519
KeyFile ${key}
SignatureAlgorithm ed25519-sha256
`;
}

function verifying(folder: string, { name, record }: Filtering & { readonly mode: "verify" }): string {
  const file = join(folder, "dkim-records");
  writeFileSync(file, `${name} ${record}\n`);
  // Clients on loopback are strangers here.
  return `Mode v
TestDNSData ${file}
InternalHosts 192.0.2.1
AlwaysAddARHeader yes
AuthservID mail.example.test
`;
}

interface Settings {
  readonly folder: string;
  readonly port: number;
  readonly nextHopPort: number;
  readonly milterPort: number | null;
  readonly logins: PostfixLogins | null;
}

function writePostfix({ folder, port, nextHopPort, milterPort, logins }: Settings): string {
  const settings = join(folder, "postfix");
  const data = join(folder, "postfix-data");
  const spool = join(folder, "postfix-spool");
  for (const made of [settings, data, spool]) mkdirSync(made);
  chmodSync(folder, 0o755);
  const ids = spawnSync("id", ["-u", "postfix"], { encoding: "latin1" });
  chownSync(data, Number(ids.stdout), 0);
  for (const file of ["postfix-files", "postfix-script"])
    copyFileSync(`/etc/postfix/${file}`, join(settings, file));
  const services = readFileSync("/usr/share/postfix/master.cf.dist", "latin1")
    .replace(/^smtp +inet .*$/m, `127.0.0.1:${port} inet n - n - - smtpd`)
    // Nothing in a chroot: its folders are not made for that.
    .replace(/^([a-z]+ +(?:unix|inet) +[-yn]+ +[-yn]+ +)[-y]( )/gm, "$1n$2");
  writeFileSync(join(settings, "master.cf"), services);
  writeFileSync(
    join(settings, "main.cf"),
    `compatibility_level = 3.6
queue_directory = ${spool}
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.test
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:${nextHopPort}
alias_maps =
smtp_tls_security_level = none
smtpd_relay_restrictions = ${logins ? "permit_sasl_authenticated" : "permit_mynetworks"}, reject
smtpd_milters = ${milterPort === null ? "" : `inet:127.0.0.1:${milterPort}`}
milter_default_action = tempfail
in_flow_delay = 0
smtp_destination_concurrency_limit = 50
initial_destination_concurrency = 20
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 200
${
  logins
    ? `smtpd_tls_wrappermode = yes
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = ${logins.certificate}
smtpd_tls_key_file = ${logins.key}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${logins.dovecotSocket}
`
    : ""
}`,
  );
  return settings;
}
