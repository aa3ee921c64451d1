import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";

const haproxy = "/usr/sbin/haproxy";

/** Why Debian's haproxy cannot be run here, as the reason to skip a test; false when it can. */
export function missingHaproxy(): string | false {
  return existsSync(haproxy) ? false : "peer: haproxy is not installed (apt-get install haproxy)";
}

/** @param ports where it must pass a greeting on before it counts as started */
export function startHaproxy(configuration: string, ports: readonly number[]): Promise<PeerProcess> {
  const folder = makePeerFolder("haproxy", []);
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, configuration);
  return PeerProcess.start({
    name: "haproxy",
    folder,
    command: [haproxy, "-db", "-f", file],
    ports,
    signal: "SIGTERM",
  });
}
