import { cpSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";
import { type Relay, type RelaySettings, relayCertificate, relayName } from "./relay.ts";
import { missingUnpacked, unpacked } from "./unpacked.ts";

/** The group ffdhe2048 of RFC 7919; without a file Haraka makes one of its own, for minutes. */
const dhParameters = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`;
const modules = "haraka/node_modules";
const program = `${modules}/haraka/bin/haraka`;

export function missingHaraka(): string | false {
  return missingUnpacked("Haraka", program);
}

/** Haraka, with a plugin of ours that routes: it has none for next hops by domain. */
export async function startHaraka(settings: RelaySettings): Promise<Relay> {
  const { nextHops, login, account } = settings;
  const folder = makePeerFolder("haraka", ["plugins", "queue"]);
  const { cert, key } = await relayCertificate(settings);
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  cpSync(unpacked(`${modules}/haraka/config`), join(folder, "config"), { recursive: true });
  const files = {
    me: relayName,
    plugins: account ? "tls\nauth/flat_file\nroutes\n" : "tls\nroutes\n",
    // Who logs in may write as anybody.
    "auth_flat_file.ini": `[core]\nmethods=PLAIN,LOGIN\nconstrain_sender=false\n[users]\n${account?.user}=${account?.password}\n`,
    "smtp.ini": `nodes=0\nlisten=127.0.0.1:${plainPort},127.0.0.1:${tlsPort}\n`,
    "log.ini": "level=notice\n",
    "tls.ini": `key=key.pem\ncert=cert.pem\nno_starttls_ports[]=${plainPort}\n`,
    "dhparams.pem": dhParameters,
    "key.pem": key,
    "cert.pem": cert,
    "outbound.ini": "local_mx_ok=true\nenable_tls=true\n", // next hops may be on loopback
    "routes.json": JSON.stringify({ nextHops, login }),
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, "config", name), text, { mode: 0o600 });
  }
  cpSync(join(import.meta.dirname, "haraka-routes.cjs"), join(folder, "plugins/routes.js"));
  symlinkSync(unpacked(modules), join(folder, "node_modules"));
  const haraka = await PeerProcess.start({
    name: "Haraka",
    folder,
    command: [process.execPath, unpacked(program), "-c", folder],
    ports: [plainPort, tlsPort],
  });
  return { plainPort, tlsPort, log: () => haraka.log(), stop: () => haraka.stop() };
}
