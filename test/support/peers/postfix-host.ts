import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "../certificates.ts";
import { freePorts } from "../free-ports.ts";
import type { PeerProcess } from "./peer-process.ts";
import { makePostfixFolder, startPostfixMaster } from "./postfix-master.ts";

export interface PostfixHostSettings<Name extends string> {
  readonly hostname: string;
  readonly services: Readonly<Record<Name, PostfixService>>;
  /** Where the mail for a domain goes: ports of 127.0.0.1. It takes mail for no others from who has not logged in. */
  readonly nextHops: Readonly<Record<string, number>>;
  /** Asked who may log in. */
  readonly dovecotSocket?: string;
  /** For TLS, and the authority of clients' certificates. */
  readonly tls?: Certificate & { readonly authority: string };
  /** Milters of mail that comes from `sendmail(1)`. */
  readonly localMilters?: readonly MilterPlace[];
}

/** A place where it listens, with milters of its own. */
export interface PostfixService {
  /** In the order in which they see mail. */
  readonly milters: readonly MilterPlace[];
  /** Who may use it: to log in takes no TLS, to show a certificate does. */
  readonly clients: "anybody" | "logins" | "certificates";
  /** The highest version of the milter protocol that it offers. */
  readonly milterProtocol?: number;
}

/** A port of 127.0.0.1, or a Unix socket. */
export type MilterPlace = number | string;

/** A host with Postfix, where users hand in mail and others' mail comes in, and milters see it. */
export class PostfixHost<Name extends string> {
  readonly ports: Readonly<Record<Name, number>>;
  readonly #configuration: string;
  readonly #process: PeerProcess;

  private constructor(ports: Record<Name, number>, configuration: string, process: PeerProcess) {
    this.ports = ports;
    this.#configuration = configuration;
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
    const { tls } = settings;
    if (tls) {
      writeFileSync(join(configuration, "chain.pem"), tls.key + tls.cert, { mode: 0o600 });
      writeFileSync(join(configuration, "ca.pem"), tls.authority);
    }
    const listeners = names.map((name) => listener(ports[name], settings.services[name]));
    const process = await startPostfixMaster({
      folder,
      settings: hostSettings(configuration, settings),
      listeners: listeners.join(""),
      ports: numbers,
    });
    return new PostfixHost(ports, configuration, process);
  }

  /** Hands a message in on the host itself, as a user's programs do. */
  sendmail(from: string, recipients: readonly string[], message: Uint8Array): void {
    execFileSync("/usr/sbin/sendmail", ["-C", this.#configuration, "-i", "-f", from, ...recipients], {
      input: message,
    });
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
  { hostname, nextHops, dovecotSocket, tls, localMilters }: PostfixHostSettings<string>,
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
${dovecotSocket === undefined ? "" : `smtpd_sasl_type = dovecot\nsmtpd_sasl_path = ${dovecotSocket}\n`}${
  tls
    ? `smtpd_tls_chain_files = ${configuration}/chain.pem
smtpd_tls_CAfile = ${configuration}/ca.pem
`
    : ""
}`;
}
