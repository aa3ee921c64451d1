import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import type { PeerMilter, PeerMilterSettings } from "./milter.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";

const opendkim = "/usr/sbin/opendkim";

/** Why Debian's OpenDKIM cannot be run here, as the reason to skip a test; false when it can. */
export function missingOpenDkim(): string | false {
  return existsSync(opendkim) ? false : "peer: OpenDKIM is not installed (apt-get install opendkim)";
}

export async function startOpenDkim(settings: PeerMilterSettings): Promise<PeerMilter> {
  const folder = makePeerFolder("opendkim", []);
  const [port = 0] = await freePorts(1);
  const { key, records } = settings;
  const pem = key.privateKey.export({ format: "pem", type: "pkcs8" });
  writeFileSync(join(folder, "key.pem"), pem, { mode: 0o600 });
  const lines = Object.entries(records).map(([name, record]) => `${name} ${record}\n`);
  writeFileSync(join(folder, "records"), lines.join(""));
  writeFileSync(join(folder, "opendkim.conf"), configuration(folder, port, settings));
  const process = await PeerProcess.start({
    name: "OpenDKIM",
    folder,
    command: [opendkim, "-f", "-x", join(folder, "opendkim.conf")],
    ports: [],
    silentPorts: [port],
    signal: "SIGTERM",
  });
  return { port, log: () => process.log(), stop: () => process.stop() };
}

/** Its hosts are none: it signs for who has logged in. */
function configuration(folder: string, port: number, { key, authservId }: PeerMilterSettings): string {
  return `Socket inet:${port}@127.0.0.1
Background no
Syslog no
Mode sv
Domain ${key.domain}
Selector ${key.selector}
KeyFile ${folder}/key.pem
SignatureAlgorithm ${key.privateKey.asymmetricKeyType === "ed25519" ? "ed25519-sha256" : "rsa-sha256"}
Canonicalization relaxed/relaxed
InternalHosts 192.0.2.1
TestDNSData ${folder}/records
AuthservID ${authservId}
RequireSafeKeys no
AlwaysAddARHeader yes
`;
}
