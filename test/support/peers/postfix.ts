import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { makePostfixFolder, startPostfixMaster } from "./postfix-master.ts";
import { type Relay, type RelaySettings, relayCertificate, relayName } from "./relay.ts";

/** Why Debian's Postfix cannot be run here, as the reason to skip a test; false when it can. */
export function missingPostfix(): string | false {
  if (!existsSync("/usr/sbin/postfix")) return "peer: Postfix is not installed (apt-get install postfix)";
  if (process.getuid?.() !== 0) return "peer: Postfix is started by root only";
  return false;
}

/**
 * Postfix as a relay.
 *
 * Mail from 127.0.0.1 is for it mail of its own machine, whose header it completes
 * (`local_header_rewrite_clients`); from other addresses, 127.0.0.2 for one, it is other hosts' mail.
 */
export async function startPostfix(settings: RelaySettings): Promise<Relay> {
  const folder = makePostfixFolder();
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  const { cert, key } = await relayCertificate(settings);
  writeFileSync(join(folder, "etc/chain.pem"), key + cert, { mode: 0o600 });
  const master = await startPostfixMaster({
    folder,
    settings: relaySettings(folder, settings),
    listeners: `127.0.0.1:${plainPort} inet n - n - - smtpd -o smtpd_tls_security_level=none
127.0.0.1:${tlsPort} inet n - n - - smtpd
`,
    ports: [plainPort, tlsPort],
  });
  return { plainPort, tlsPort, log: () => master.log(), stop: () => master.stop() };
}

function relaySettings(
  folder: string,
  { hostname = relayName, nextHops, login, account }: RelaySettings,
): string {
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
  return `myhostname = ${hostname}
relay_domains = ${domains.join(" ")}
transport_maps = inline:{ ${transports.join(" ")} }
smtpd_tls_chain_files = ${folder}/etc/chain.pem
smtpd_tls_security_level = may
${outgoing}
smtpd_tls_received_header = yes
${incoming}`;
}
