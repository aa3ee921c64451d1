import { execFileSync } from "node:child_process";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";

const postfix = "/usr/sbin/postfix";

/** A folder for an instance: `etc` in it is for its settings. */
export function makePostfixFolder(): string {
  return makePeerFolder("postfix", ["etc", "queue", "data"]);
}

export interface PostfixInstance {
  readonly folder: string;
  /** Of its main.cf, besides what every instance here has. */
  readonly settings: string;
  /** Of its master.cf: the services that listen. */
  readonly listeners: string;
  readonly ports: readonly number[];
}

/** Debian's Postfix, nothing of the system's instance touched. */
export async function startPostfixMaster(instance: PostfixInstance): Promise<PeerProcess> {
  const { folder, ports } = instance;
  const configuration = join(folder, "etc");
  chownSync(join(folder, "data"), Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" })), 0);
  writeFileSync(join(configuration, "main.cf"), mainCf(instance));
  writeFileSync(join(configuration, "master.cf"), instance.listeners + services);
  execFileSync(postfix, ["-c", configuration, "check"], { stdio: "pipe" }); // makes the queue's folders
  const daemons = execFileSync("/usr/sbin/postconf", ["-d", "-h", "daemon_directory"], { encoding: "utf8" });
  return PeerProcess.start({
    name: "Postfix",
    folder,
    command: [join(daemons.trim(), "master"), "-c", configuration, "-d"],
    ports,
    logs: ["log"],
    signal: "SIGTERM", // it takes its children along
  });
}

function mainCf({ folder, settings }: PostfixInstance): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
# A closed network without DNS.
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
${settings}`;
}

/** Of Debian's master.cf what a relay needs, without chroot. */
const services = `cleanup unix n - n - 0 cleanup
pickup unix n - n 60 1 pickup
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
