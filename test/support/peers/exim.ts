import { chownSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { giveFolders, inOwnView, writeBasics } from "./own-view.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";
import {
  type Relay,
  type RelayAccount,
  type RelayLogin,
  type RelaySettings,
  relayCertificate,
  relayName,
} from "./relay.ts";
import { missingInOwnView, unpacked } from "./unpacked.ts";

const binary = "exim4-daemon-light/usr/sbin/exim4";
const user = 931;

export function missingExim(): string | false {
  return missingInOwnView("Exim", binary);
}

/** Debian's Exim 4, not of its Debian configuration, which is for a whole system. */
export async function startExim(settings: RelaySettings): Promise<Relay> {
  const folder = makePeerFolder("exim", ["etc/exim4", "var/spool/exim4", "var/log/exim4"]);
  writeBasics(folder, { "Debian-exim": user });
  giveFolders(folder, user, ["var/spool/exim4", "var/log/exim4"]);
  const { cert, key } = await relayCertificate(settings);
  writeFileSync(join(folder, "etc/cert.pem"), cert);
  writeFileSync(join(folder, "etc/key.pem"), key, { mode: 0o600 });
  chownSync(join(folder, "etc/key.pem"), user, user);
  if (settings.login) copyFileSync(settings.login.caFile, join(folder, "etc/ca.pem"));
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  writeFileSync(join(folder, "etc/exim4/exim4.conf"), configuration(plainPort, tlsPort, settings));
  const exim = await PeerProcess.start({
    name: "Exim",
    folder,
    command: inOwnView(folder, [unpacked(binary), "-bdf", "-q10s"]),
    ports: [plainPort, tlsPort],
    logs: ["var/log/exim4/mainlog", "var/log/exim4/paniclog"],
  });
  return { plainPort, tlsPort, log: () => exim.log(), stop: () => exim.stop() };
}

function configuration(
  plainPort: number,
  tlsPort: number,
  { hostname = relayName, nextHops, login, account }: RelaySettings,
): string {
  const domains = Object.keys(nextHops).join(" : ");
  const host = login ? "localhost" : "127.0.0.1";
  const routes = Object.entries(nextHops).map(([domain, port]) => `${domain} ${host}::${port} byname`);
  return `exim_path = ${unpacked(binary)}
primary_hostname = ${hostname}
log_file_path = /var/log/exim4/%slog
keep_environment =
domainlist relay_domains = ${domains}
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_message
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${plainPort} : ${tlsPort}
tls_advertise_hosts = \${if eq{$received_port}{${tlsPort}}{*}}
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
# Deliver at once, however many come in a connection.
smtp_accept_queue_per_connection = 0
# Servers before it open more connections than it takes by default (20), and come back after minutes.
smtp_accept_max = 200
# A closed network without DNS.
host_lookup =
rfc1413_hosts =

begin acl
check_recipient:
  accept domains = +relay_domains
  deny message = relay not permitted
check_message:
  accept

begin routers
next_hop:
  driver = manualroute
  route_list = ${routes.join(" ; ")}
  transport = smtp
  self = send

begin transports
smtp:
  driver = smtp
  port = 25
  hosts_try_dane =
${login ? checkedHop : ""}
begin authenticators
${login ? loginAsClient(login) : ""}${account ? loginAtServer(account) : ""}
begin retry
* * F,1h,5s
`;
}

const checkedHop = `  tls_verify_certificates = /etc/ca.pem
  tls_verify_hosts = *
  hosts_require_tls = *
  hosts_require_auth = *
`;

function loginAsClient({ user, password }: RelayLogin): string {
  return `plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^${user}^${password}
`;
}

function loginAtServer({ user, password }: RelayAccount): string {
  return `login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if and{{eq{$auth1}{${user}}}{eq{$auth2}{${password}}}}}
  server_set_id = $auth1
  server_advertise_condition = \${if def:tls_in_cipher}
`;
}
