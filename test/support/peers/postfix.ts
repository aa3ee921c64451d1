import { execFileSync } from "node:child_process";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";
import { type Relay, type RelaySettings, relayCertificate, relayName } from "./relay.ts";

const postfix = "/usr/sbin/postfix";

/** Why Debian's Postfix cannot be run here, as the reason to skip a test; false when it can. */
export function missingPostfix(): string | false {
  if (!existsSync(postfix)) return "peer: Postfix is not installed (apt-get install postfix)";
  if (process.getuid?.() !== 0) return "peer: Postfix is started by root only";
  return false;
}

/**
 * Debian's Postfix, nothing of the system's instance touched.
 *
 * Mail from 127.0.0.1 is for it mail of its own machine, whose header it completes
 * (`local_header_rewrite_clients`); from other addresses, 127.0.0.2 for one, it is other hosts' mail.
 */
export async function startPostfix(settings: RelaySettings): Promise<Relay> {
  const folder = makePeerFolder("postfix", ["etc", "queue", "data"]);
  const configuration = join(folder, "etc");
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  const { cert, key } = await relayCertificate(settings);
  chownSync(join(folder, "data"), Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" })), 0);
  writeFileSync(join(configuration, "chain.pem"), key + cert, { mode: 0o600 });
  writeFileSync(join(configuration, "main.cf"), mainCf(folder, settings));
  writeFileSync(join(configuration, "master.cf"), masterCf(plainPort, tlsPort));
  execFileSync(postfix, ["-c", configuration, "check"], { stdio: "pipe" }); // makes the queue's folders
  const daemons = execFileSync("/usr/sbin/postconf", ["-d", "-h", "daemon_directory"], { encoding: "utf8" });
  const master = await PeerProcess.start({
    name: "Postfix",
    folder,
    command: [join(daemons.trim(), "master"), "-c", configuration, "-d"],
    ports: [plainPort, tlsPort],
    logs: ["log"],
    signal: "SIGTERM", // it takes its children along
  });
  return { plainPort, tlsPort, log: () => master.log(), stop: () => master.stop() };
}

function mainCf(folder: string, { nextHops, login, account }: RelaySettings): string {
  const domains = Object.keys(nextHops);
  const host = login ? "[localhost]" : "[127.0.0.1]";
  const transports = Object.entries(nextHops).map(
    ([domain, port]) => `{ ${domain} = relay:${host}:${port} }`,
  );
  const logins = Object.values(nextHops).map(
    (port) => `{ ${host}:${port} = ${login?.user}:${login?.password} }`,
  );
  const outgoing = login
    ? `smtp_tls_security_level = verify
smtp_tls_CAfile = ${login.caFile}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{ ${logins.join(" ")} }
smtp_sasl_security_options = noanonymous`
    : "smtp_tls_security_level = may";
  const incoming = account
    ? `smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${account.dovecotSocket}
smtpd_tls_auth_only = yes
smtpd_sasl_authenticated_header = yes
`
    : "";
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
myhostname = ${relayName}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relay_domains = ${domains.join(" ")}
transport_maps = inline:{ ${transports.join(" ")} }
smtpd_tls_chain_files = ${folder}/etc/chain.pem
smtpd_tls_security_level = may
${outgoing}
smtpd_tls_received_header = yes
${incoming}# A closed network without DNS.
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
`;
}

/** The services of Debian's master.cf that a relay needs, without chroot. */
function masterCf(plainPort: number, tlsPort: number): string {
  return `127.0.0.1:${plainPort} inet n - n - - smtpd -o smtpd_tls_security_level=none
127.0.0.1:${tlsPort} inet n - n - - smtpd
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
