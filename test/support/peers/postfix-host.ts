import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import type { HostService, MilterHost, MilterHostSettings, MilterPlace } from "./milter-host.ts";
import type { PeerProcess } from "./peer-process.ts";
import { makePostfixFolder, startPostfixMaster } from "./postfix-master.ts";

export interface PostfixHostSettings<Name extends string> extends MilterHostSettings<Name> {
  readonly services: Readonly<Record<Name, PostfixService>>;
  /** Milters of mail that comes from `sendmail(1)`. */
  readonly localMilters?: readonly MilterPlace[];
}

export interface PostfixService extends HostService {
  /** The highest version of the milter protocol that it offers. */
  readonly milterProtocol?: number;
}

/** Debian's Postfix with milters. */
export class PostfixHost<Name extends string> implements MilterHost<Name> {
  readonly ports: Readonly<Record<Name, number>>;
  readonly #folder: string;
  readonly #process: PeerProcess;

  private constructor(ports: Record<Name, number>, folder: string, process: PeerProcess) {
    this.ports = ports;
    this.#folder = folder;
    this.#process = process;
  }

  static async start<Name extends string>(settings: PostfixHostSettings<Name>): Promise<PostfixHost<Name>> {
    const folder = makePostfixFolder();
    const configuration = join(folder, "etc");
    const names = Object.keys(settings.services) as Name[];
    const numbers = await freePorts(names.length);
    const ports = Object.fromEntries(names.map((name, index) => [name, numbers[index]])) as Record<
      Name,
      number
    >;
    if (settings.account) {
      const { authority } = settings.account;
      const { cert, key } = await authority.issue([settings.hostname]);
      writeFileSync(join(configuration, "chain.pem"), key + cert, { mode: 0o600 });
      writeFileSync(join(configuration, "ca.pem"), authority.cert);
    }
    const listeners = names.map((name) => listener(ports[name], settings.services[name]));
    const process = await startPostfixMaster({
      folder,
      settings: hostSettings(configuration, settings),
      listeners: listeners.join(""),
      ports: numbers,
    });
    return new PostfixHost(ports, folder, process);
  }

  /** Hands a message in on the host itself, as a user's programs do. */
  sendmail(from: string, recipients: readonly string[], message: Uint8Array): void {
    const configuration = join(this.#folder, "etc");
    execFileSync("/usr/sbin/sendmail", ["-C", configuration, "-i", "-f", from, ...recipients], {
      input: message,
    });
  }

  quarantined(): number {
    return readdirSync(join(this.#folder, "queue/hold")).length;
  }

  log(): string {
    return this.#process.log();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

function listener(port: number, { milters, clients, milterProtocol }: PostfixService): string {
  const options = [
    `smtpd_milters=${miltersValue(milters).replaceAll(" ", ",")}`,
    ...(milterProtocol === undefined ? [] : [`milter_protocol=${milterProtocol}`]),
    ...optionsFor[clients],
  ];
  return `127.0.0.1:${port} inet n - n - - smtpd ${options.map((option) => `-o ${option}`).join(" ")}\n`;
}

const optionsFor = {
  // Others' headers are left as they are, on loopback too.
  anybody: ["local_header_rewrite_clients=", "smtpd_relay_restrictions=reject_unauth_destination"],
  logins: ["smtpd_sasl_auth_enable=yes", "smtpd_relay_restrictions=permit_sasl_authenticated,reject"],
  certificates: [
    "smtpd_tls_security_level=encrypt",
    "smtpd_tls_req_ccert=yes",
    "smtpd_relay_restrictions=permit_tls_all_clientcerts,reject",
  ],
};

function miltersValue(milters: readonly MilterPlace[]): string {
  return milters
    .map((place) => (typeof place === "number" ? `inet:127.0.0.1:${place}` : `unix:${place}`))
    .join(" ");
}

function hostSettings(
  configuration: string,
  { hostname, nextHops, account, localMilters }: PostfixHostSettings<string>,
): string {
  const transports = Object.entries(nextHops).map(
    ([domain, port]) => `{ ${domain} = relay:[127.0.0.1]:${port} }`,
  );
  return `myhostname = ${hostname}
relay_domains = ${Object.keys(nextHops).join(" ")}
transport_maps = inline:{ ${transports.join(" ")} }
message_size_limit = 104857600
smtpd_client_connection_count_limit = 0
non_smtpd_milters = ${miltersValue(localMilters ?? [])}
milter_default_action = tempfail
${
  account
    ? `smtpd_sasl_type = dovecot
smtpd_sasl_path = ${account.dovecotSocket}
smtpd_tls_chain_files = ${configuration}/chain.pem
smtpd_tls_CAfile = ${configuration}/ca.pem
`
    : ""
}`;
}
