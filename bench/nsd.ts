import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { measureReply, openPlain, type Peer, Script } from "./lookup-client.ts";
import { NativeServer } from "./native-server.ts";

/**
 * nsd with a DKIM record for each name, asked over TCP on connections that are kept; null where it is not installed.
 *
 * @param keys by name, in base64
 * @param folder for its zone and settings
 */
export async function startNsd(keys: ReadonlyMap<string, string>, folder: string): Promise<Peer | null> {
  if (!NativeServer.has("nsd")) return null;
  const records = Array.from(
    keys,
    ([name, key]) => `${name}._domainkey IN TXT "v=DKIM1; k=ed25519; p=${key}"\n`,
  );
  writeFileSync(
    join(folder, "zone"),
    `$ORIGIN example.test.
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 300
@ IN NS ns
ns IN A 127.0.0.1
${records.join("")}`,
  );
  const configFile = join(folder, "nsd.conf");
  const server = await NativeServer.start("nsd", (port) => {
    writeFileSync(configFile, settings(folder, port));
    return ["-d", "-c", configFile];
  });
  const open = openPlain(server.port, { greeted: false });
  const script = Script.of(Array.from(keys.keys(), (name) => question(`${name}._domainkey.example.test`)));
  const replyOctets = await measureReply(open, script, "v=DKIM1");
  return { server, open, script, replyOctets, requestsPerConnection: Number.POSITIVE_INFINITY };
}

function settings(folder: string, port: number): string {
  return `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  tcp-count: 2000
  tcp-query-count: 0
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: zone
`;
}

/** Asks for TXT, as over TCP (RFC 1035 section 4.2.2). */
function question(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  const header = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  const query = Buffer.concat([Buffer.from(header), ...labels, Buffer.from([0, 0, 16, 0, 1])]);
  return Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]);
}
