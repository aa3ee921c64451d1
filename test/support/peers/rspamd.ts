import { execFileSync } from "node:child_process";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DnsServer } from "../../../src/dns/index.ts";
import { freePorts } from "../free-ports.ts";
import type { DkimKey, PeerMilter, PeerMilterSettings } from "./milter.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";

const rspamd = "/usr/bin/rspamd";
const plugins = "/usr/share/rspamd/plugins";

/** Why Debian's rspamd cannot be run here, as the reason to skip a test; false when it can. */
export function missingRspamd(): string | false {
  if (!existsSync(rspamd)) return "peer: rspamd is not installed (apt-get install rspamd)";
  if (process.getuid?.() !== 0) return "peer: rspamd is started by root only";
  return false;
}

/**
 * Of all that it can do only DKIM, and what it tells the MTA of it, under the MTA's name.
 * @param keepsResults by default it removes all Authentication-Results where it adds its own
 */
export async function startRspamd(
  settings: Omit<PeerMilterSettings, "authservId">,
  keepsResults = true,
): Promise<PeerMilter> {
  const folder = makePeerFolder("rspamd", ["data"]);
  const user = Number(execFileSync("id", ["-u", "_rspamd"], { encoding: "utf8" }));
  const pem = settings.key.privateKey.export({ format: "pem", type: "pkcs8" });
  writeFileSync(join(folder, "key.pem"), pem, { mode: 0o600 });
  writeFileSync(join(folder, "names"), "test\n"); // it compiles all top level domains for seconds
  for (const name of ["data", "key.pem"]) chownSync(join(folder, name), user, user);
  const dns = new DnsServer();
  for (const [name, record] of Object.entries(settings.records)) dns.set(name, { TXT: [record] });
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  const [port = 0] = await freePorts(1);
  const file = join(folder, "rspamd.conf");
  writeFileSync(file, configuration(folder, [port, dnsPort], settings.key, keepsResults));
  const process = await PeerProcess.start({
    name: "rspamd",
    folder,
    command: [rspamd, "-f", "-c", file, "-u", "_rspamd", "-g", "_rspamd"],
    ports: [],
    silentPorts: [port],
    signal: "SIGTERM", // it takes its children along
  });
  const stop = async (): Promise<void> => {
    await process.stop();
    await dns.close();
  };
  return { port, log: () => process.log(), stop };
}

function configuration(
  folder: string,
  [port, dnsPort]: readonly [number, number],
  key: DkimKey,
  keepsResults: boolean,
): string {
  const data = join(folder, "data");
  return `options {
  filters = "dkim";
  url_tld = "${folder}/names";
  pidfile = "${data}/pid";
  cache_file = "${data}/cache";
  history_file = "${data}/history";
  stats_file = "${data}/stats";
  rrd = "${data}/rrd";
  hs_cache_dir = "${data}";
  tempdir = "${data}";
  control_socket = "${data}/control mode=0600";
  local_addrs = [];
  max_message = 100M;
  dns { nameserver = ["127.0.0.1:${dnsPort}"]; }
}
logging { type = "console"; level = "info"; }
worker "rspamd_proxy" {
  bind_socket = "127.0.0.1:${port}";
  milter = yes;
  timeout = 120s;
  upstream "local" { default = yes; self_scan = yes; hosts = "localhost"; }
}
dkim { check_local = true; }
dkim_signing {
  sign_authenticated = true;
  sign_local = false;
  allow_username_mismatch = true;
  use_esld = false;
  domain {
    ${key.domain} { selector = "${key.selector}"; path = "${folder}/key.pem"; }
  }
}
milter_headers {
  use = ["authentication-results"];
  skip_local = false;
  skip_authenticated = true;
  routines { authentication-results { remove = ${keepsResults ? "false" : "0"}; } }
}
modules {
  path = "${plugins}/dkim_signing.lua";
  path = "${plugins}/milter_headers.lua";
}
actions { reject = null; add_header = null; greylist = null; }
`;
}
