import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { startHarakaProgram } from "./haraka-program.ts";
import { type Relay, type RelaySettings, relayCertificate, relayName } from "./relay.ts";

/** A plugin of ours. */
const routes = join(import.meta.dirname, "haraka-routes.cjs");

/** Haraka, with a plugin of ours that routes: it has none for next hops by domain. */
export async function startHaraka(settings: RelaySettings): Promise<Relay> {
  const { hostname = relayName, nextHops, login, account } = settings;
  const { cert, key } = await relayCertificate(settings);
  const [plainPort = 0, tlsPort = 0] = await freePorts(2);
  const config = {
    me: hostname,
    plugins: account ? "tls\nauth/flat_file\nroutes\n" : "tls\nroutes\n",
    // Who logs in may write as anybody.
    "auth_flat_file.ini": `[core]\nmethods=PLAIN,LOGIN\nconstrain_sender=false\n[users]\n${account?.user}=${account?.password}\n`,
    "smtp.ini": `nodes=0\nlisten=127.0.0.1:${plainPort},127.0.0.1:${tlsPort}\n`,
    "log.ini": "level=notice\n",
    "tls.ini": `key=key.pem\ncert=cert.pem\nno_starttls_ports[]=${plainPort}\n`,
    "key.pem": key,
    "cert.pem": cert,
    "outbound.ini": "local_mx_ok=true\nenable_tls=true\n", // next hops may be on loopback
    "routes.json": JSON.stringify({ nextHops, login }),
  };
  const haraka = await startHarakaProgram({
    ports: [plainPort, tlsPort],
    config,
    plugins: { "routes.js": routes },
  });
  return { plainPort, tlsPort, log: () => haraka.log(), stop: () => haraka.stop() };
}
