import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { type DnsQuery, type DnsResponse, readResponse } from "./dns-message.ts";

/** An IP address and a port, as in `nameserver` of resolv.conf. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

export type Exchange =
  | { readonly kind: "response"; readonly response: DnsResponse }
  | {
      readonly kind: "failed";
      /** Nothing came in time, as opposed to an error or a connection cut short: worth asking again. */
      readonly silent: boolean;
      readonly detail: string;
    };

/**
 * Sends one query and waits for its response: over UDP from a fresh port, again over TCP when it came back
 * truncated (RFC 7766 §5). Packets that answer something else are passed over, so that whoever sends forged
 * ones cannot end the wait.
 *
 * @param signal ends the wait; the exchange has then failed
 */
export async function exchange(server: NameServer, query: DnsQuery, signal: AbortSignal): Promise<Exchange> {
  const overUdp = await exchangeUdp(server, query, signal);
  if (overUdp.kind === "failed" || !overUdp.response.flag_tc) return overUdp;
  return exchangeTcp(server, query, signal);
}

function exchangeUdp(server: NameServer, query: DnsQuery, signal: AbortSignal): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
    const settle = (result: Exchange) => {
      signal.removeEventListener("abort", abort);
      socket.removeAllListeners("message").close();
      resolve(result);
    };
    const abort = () => settle(silence);
    socket.on("error", (error: NodeJS.ErrnoException) => settle(failed(error.code ?? error.message)));
    socket.on("message", (octets) => {
      const response = readResponse(octets, query);
      if (response !== null) settle({ kind: "response", response });
    });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    // A connected socket takes packets from this server only.
    socket.connect(server.port, server.address, () => {
      if (!signal.aborted) socket.send(query.octets);
    });
  });
}

function exchangeTcp(server: NameServer, query: DnsQuery, signal: AbortSignal): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port });
    const settle = (result: Exchange) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      resolve(result);
    };
    const abort = () => settle(silence);
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", (error: NodeJS.ErrnoException) =>
      settle(failed(`TCP: ${error.code ?? error.message}`)),
    );
    socket.on("close", () => settle(failed("the server closed the TCP connection")));
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const length = received.length >= 2 ? received.readUInt16BE(0) : Number.POSITIVE_INFINITY;
      if (received.length < 2 + length) return;
      const response = readResponse(received.subarray(2, 2 + length), query);
      settle(response === null ? failed("the TCP answer is not readable") : { kind: "response", response });
    });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.octets.length);
    socket.write(Buffer.concat([length, query.octets]));
  });
}

const silence: Exchange = { kind: "failed", silent: true, detail: "no answer" };

function failed(detail: string): Exchange {
  return { kind: "failed", silent: false, detail };
}
