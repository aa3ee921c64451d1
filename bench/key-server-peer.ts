import { Asking, measureReply, openPlain, openTls, type Peer, type Script } from "./lookup-client.ts";
import { ServerProcess } from "./server-process.ts";

/** KEY-16 lets a client ask this much in one session, besides STLS. */
export const MOST_REQUESTS = 999;

export interface KeyServerPeer extends Peer {
  readonly server: ServerProcess<{ readonly port: number }>;
}

export interface KeyServerPeerOptions {
  readonly transport: "plain" | "tls";
  /** Of the store with the accounts. */
  readonly location: string;
  /** How many replies it holds in memory. */
  readonly remembered: number;
  readonly script: Script;
  readonly core?: number;
}

/** The key server over accounts in a store. */
export async function startKeyServer(options: KeyServerPeerOptions): Promise<KeyServerPeer> {
  const { transport, location, remembered, script, core = 1 } = options;
  const args = [transport, location, String(remembered)];
  const server = await ServerProcess.startOn<{ port: number }>(core, "lookup-server.ts", ...args);
  const { port } = server.ready;
  // Who comes back after so many requests takes up the TLS session again.
  const open = transport === "tls" ? openTls(port, { resume: true }) : openPlain(port, { greeted: true });
  const replyOctets = await measureReply(open, script, "st=active");
  return { server, open, script, replyOctets, requestsPerConnection: MOST_REQUESTS };
}

/** Asks so much that all is in memory that will be. */
export async function warmUp(peer: KeyServerPeer, requests: number): Promise<void> {
  const asking = new Asking({ ...peer, connections: 16, depth: 16 });
  while (asking.done < requests) await new Promise((resolve) => setTimeout(resolve, 50));
  await asking.stop();
}
