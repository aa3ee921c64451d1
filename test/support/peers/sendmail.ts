import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { inOwnView, writeBasics } from "./own-view.ts";
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

const programs = "sendmail/usr/libexec/sendmail";
const binary = `${programs}/sendmail`;
const macros = unpacked("sendmail/usr/share/sendmail/cf/");

export function missingSendmail(): string | false {
  return missingInOwnView("Sendmail", binary);
}

/**
 * Debian's Sendmail, its configuration made by m4 from its own macros. Debian 12 builds it without SMTPUTF8.
 *
 * @param more further lines for the configuration's source, before its mailers: `INPUT_MAIL_FILTER(…)` for one. Files that
 *   they name are in /etc and /var of its own view; other folders it has in common with us
 */
export async function startSendmail(settings: RelaySettings, more = ""): Promise<Relay> {
  const folder = makePeerFolder("sendmail", ["etc/mail", "etc/sasl2", "var/spool/mqueue", "var/log"]);
  const { cert, key } = await relayCertificate(settings);
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  writeBasics(folder, { smmta: 934, smmsp: 935 });
  const files = {
    "etc/cert.pem": cert,
    "etc/key.pem": key,
    // Without one it offers no TLS.
    "etc/ca.pem": settings.login
      ? readFileSync(settings.login.caFile, "utf8")
      : (settings.account?.authority.cert ?? cert),
    // A closed network without DNS.
    "etc/nsswitch.conf": "hosts: files\n",
    "etc/mail/service.switch": "hosts files\naliases files\n",
    "etc/mail/sendmail.mc": configuration(plainPort, tlsPort, settings, more),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  mkdirSync(join(folder, "etc/certs"));
  if (settings.login) prepareLogin(folder, settings.login);
  if (settings.account) prepareAccount(folder, settings.account);
  const made = execFileSync("m4", [`-D_CF_DIR_=${macros}`, join(folder, "etc/mail/sendmail.mc")]);
  writeFileSync(join(folder, "etc/mail/sendmail.cf"), made, { mode: 0o644 });
  const sendmail = await PeerProcess.start({
    name: "Sendmail",
    folder,
    command: inOwnView(folder, [unpacked(binary), "-bD", "-q5s", "-X", "/var/log/traffic"]),
    ports: [plainPort, tlsPort],
    logs: ["var/log/traffic"], // its log goes to syslog only; this is what it said and heard
  });
  return { plainPort, tlsPort, log: () => sendmail.log(), stop: () => sendmail.stop() };
}

function configuration(
  plainPort: number,
  tlsPort: number,
  { hostname = relayName, nextHops, login, account }: RelaySettings,
  more: string,
): string {
  const host = login ? "[localhost]" : "[127.0.0.1]";
  const domains = Object.entries(nextHops);
  // What a mailer may be told is the host; so each port has one, which is its esmtp but for that.
  const mailers = [...new Set(Object.values(nextHops))].map(
    (port) => `Mto${port}, P=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=990,
\tT=DNS/RFC822/SMTP, A=TCP $h ${port}
`,
  );
  const routes = domains.map(
    ([domain, port]) => `R$* < @ ${domain} . > $*\t$#to${port} $@ ${host} $: $1 < @ ${domain} . > $2
R$* < @ ${domain} > $*\t$#to${port} $@ ${host} $: $1 < @ ${domain} > $2
`,
  );
  return `divert(-1)
include(\`${macros}m4/cf.m4')
OSTYPE(\`linux')
define(\`confDOMAIN_NAME', \`${hostname}')
define(\`confSERVICE_SWITCH_FILE', \`/etc/mail/service.switch')
define(\`ALIAS_FILE', \`')
define(\`HELP_FILE', \`')
define(\`STATUS_FILE', \`')
define(\`confPID_FILE', \`/var/log/sendmail.pid')
define(\`QUEUE_DIR', \`/var/spool/mqueue')
define(\`confTO_IDENT', \`0')
define(\`confDONT_PROBE_INTERFACES', \`true')
define(\`confDONT_BLAME_SENDMAIL', \`GroupReadableKeyFile')
define(\`confSERVER_CERT', \`/etc/cert.pem')
define(\`confSERVER_KEY', \`/etc/key.pem')
define(\`confCACERT_PATH', \`/etc/certs')
define(\`confCACERT', \`/etc/ca.pem')
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')
define(\`confQUEUE_LA', \`1000')
define(\`confREFUSE_LA', \`1000')
define(\`confMIN_QUEUE_AGE', \`1s')
define(\`confMAX_HOP', \`100')
FEATURE(\`no_default_msa')
DAEMON_OPTIONS(\`Name=plain, Addr=127.0.0.1, Port=${plainPort}, M=S')
DAEMON_OPTIONS(\`Name=tls, Addr=127.0.0.1, Port=${tlsPort}')
FEATURE(\`accept_unresolvable_domains')
${domains.map(([domain]) => `RELAY_DOMAIN(\`${domain}')\n`).join("")}${login ? loginAsClient : ""}${account ? loginAtServer : ""}${more}
MAILER(\`smtp')
MAILER_DEFINITIONS
${mailers.join("")}LOCAL_RULE_0
${routes.join("")}`;
}

const loginAsClient = `FEATURE(\`authinfo', \`hash /etc/mail/authinfo')
FEATURE(\`access_db', \`hash -T<TMPF> /etc/mail/access')
`;

function prepareLogin(folder: string, { user, password }: RelayLogin): void {
  makeMap(folder, "authinfo", `AuthInfo:[localhost] "U:${user}" "P:${password}" "M:PLAIN"\n`);
  makeMap(folder, "access", "TLS_Srv:[localhost] VERIFY\n");
}

function makeMap(folder: string, name: string, input: string): void {
  // Without a configuration it would read the system's.
  const args = ["-C", "/dev/null", "hash", join(folder, "etc/mail", name)];
  execFileSync(unpacked(`${programs}/makemap`), args, { input, stdio: "pipe" });
}

const loginAtServer = `TRUST_AUTH_MECH(\`PLAIN LOGIN')
define(\`confAUTH_OPTIONS', \`A p y')
`;

function prepareAccount(folder: string, { user, password }: RelayAccount): void {
  const [name = "", realm = ""] = user.split("@");
  writeFileSync(
    join(folder, "etc/sasl2/Sendmail.conf"),
    "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: /etc/sasldb2\nmech_list: PLAIN LOGIN\n",
  );
  const args = ["-p", "-c", "-f", join(folder, "etc/sasldb2"), "-u", realm, name];
  execFileSync("saslpasswd2", args, { input: password });
}
