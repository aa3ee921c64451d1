import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { inOwnView, writeBasics } from "./own-view.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";
import { type Relay, type RelaySettings, relayCertificate, relayName } from "./relay.ts";
import { missingInOwnView, unpacked } from "./unpacked.ts";

const binary = "opensmtpd/usr/sbin/smtpd";

export function missingOpenSmtpd(): string | false {
  return missingInOwnView("OpenSMTPD", binary);
}

/**
 * Debian's OpenSMTPD. That of Debian 12 (6.8.0p2) offers STARTTLS, but has no handshake with OpenSSL 3
 * (github.com/OpenSMTPD/OpenSMTPD/issues/1171): there, clients come back without TLS.
 */
export async function startOpenSmtpd(settings: RelaySettings): Promise<Relay> {
  const subfolders = [
    "etc",
    "var/spool/smtpd",
    "var/run",
    "var/mail",
    "var/empty",
    "var/lib/opensmtpd/empty",
  ];
  const folder = makePeerFolder("opensmtpd", subfolders);
  chmodSync(join(folder, "var/spool/smtpd"), 0o711); // it insists on that
  writeBasics(folder, { opensmtpd: 932, opensmtpq: 933 });
  const { cert, key } = await relayCertificate(settings);
  writeFileSync(join(folder, "etc/cert.pem"), cert);
  writeFileSync(join(folder, "etc/key.pem"), key, { mode: 0o600 });
  if (settings.login) {
    mkdirSync(join(folder, "etc/ssl/certs"), { recursive: true });
    copyFileSync(settings.login.caFile, join(folder, "etc/ssl/certs/ca-certificates.crt"));
  }
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  writeFileSync(join(folder, "etc/smtpd.conf"), configuration(plainPort, tlsPort, settings));
  const smtpd = await PeerProcess.start({
    name: "OpenSMTPD",
    folder,
    command: inOwnView(folder, [unpacked(binary), "-d"]),
    ports: [plainPort, tlsPort],
  });
  return { plainPort, tlsPort, log: () => smtpd.log(), stop: () => smtpd.stop() };
}

function configuration(
  plainPort: number,
  tlsPort: number,
  { hostname = relayName, nextHops, login }: RelaySettings,
): string {
  const hop = login ? "smtp+tls://login@localhost" : "smtp://127.0.0.1";
  const options = login ? "auth <logins> tls" : "";
  const routes = Object.entries(nextHops).map(
    ([domain, port]) => `action "to ${domain}" relay host "${hop}:${port}" helo ${hostname} ${options}
match from any for domain "${domain}" action "to ${domain}"
`,
  );
  const logins = login ? `table logins { login = "${login.user}:${login.password}" }\n` : "";
  return `${logins}pki ${relayName} cert "/etc/cert.pem"
pki ${relayName} key "/etc/key.pem"
listen on 127.0.0.1 port ${plainPort} hostname ${hostname}
listen on 127.0.0.1 port ${tlsPort} tls pki ${relayName} hostname ${hostname}
${routes.join("")}`;
}
