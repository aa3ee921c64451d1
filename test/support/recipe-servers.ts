import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePeerFolder } from "./peers/peer-folder.ts";
import { PeerProcess } from "./peers/peer-process.ts";
import { startPostfixMaster } from "./peers/postfix-master.ts";
import { password, type RecipeWorld } from "./recipe-world.ts";

export interface RecipePostfix {
  readonly folder: string;
  /** What the recipe adds. */
  readonly mainCf: string;
  /** The services that listen. */
  readonly masterCf: string;
  readonly ports: readonly number[];
  /** Where it asks who may log in. */
  readonly authSocket: string;
}

/** A Postfix that has what every Postfix has, and what a recipe adds. */
export async function startRecipePostfix(
  world: RecipeWorld,
  { folder, mainCf, masterCf, ports, authSocket }: RecipePostfix,
): Promise<PeerProcess> {
  const { cert, key } = await world.certificate();
  writeFileSync(join(folder, "etc/chain.pem"), key + cert, { mode: 0o600 });
  return startPostfixMaster({
    folder,
    settings: `myhostname = mx1.example.org
relay_domains = example.org
transport_maps = inline:{ { example.org = relay:[127.0.0.1]:${world.sink.port} } }
relayhost = [127.0.0.1]:${world.site.port}
smtp_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${authSocket}
smtpd_tls_chain_files = ${folder}/etc/chain.pem
smtpd_tls_security_level = may
${mainCf.replaceAll("/etc/postfix/", `${folder}/etc/`)}`,
    listeners: masterCf.replaceAll("/etc/postfix/", `${folder}/etc/`),
    ports,
  });
}

const mailUser = 5000;

/** A Dovecot of virtual users, with what a recipe adds. */
export async function startRecipeDovecot(
  conf: string,
  port: number | null,
): Promise<PeerProcess & { readonly folder: string }> {
  const folder = makePeerFolder("dovecot", ["run", "state", "mail"]);
  chownSync(join(folder, "mail"), mailUser, mailUser);
  writeFileSync(join(folder, "users"), `alice:{PLAIN}${password}:${mailUser}:${mailUser}::::\n`);
  const main = join(folder, "dovecot.conf");
  const login =
    port === null
      ? ""
      : `service submission-login {
  inet_listener submission {
    address = 127.0.0.1
    port = ${port}
  }
}
`;
  writeFileSync(
    main,
    `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols =
ssl = no
disable_plaintext_auth = no
hostname = mx1.example.org
mail_location = maildir:${folder}/mail/%n
auth_username_format = %n
passdb {
  driver = passwd-file
  args = ${folder}/users
}
userdb {
  driver = static
  args = uid=${mailUser} gid=${mailUser} home=${folder}/mail/%n allow_all_users=yes
}
${conf.replaceAll("/run/dovecot/", `${folder}/run/`).replace("group = vsmtp", "group = root")}
${login}`,
  );
  const process = await PeerProcess.start({
    name: "Dovecot",
    folder,
    command: ["/usr/sbin/dovecot", "-F", "-c", main],
    ports: port === null ? [] : [port],
    logs: ["log"],
    signal: "SIGTERM",
  });
  return Object.assign(process, { folder });
}
