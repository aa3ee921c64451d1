import type { Socket } from "node:net";
import { type ProxyHeader, readProxyHeader } from "../proxy-header.ts";

/** What a connection begins with, where a PROXY header is required; a fault says what is wrong with it. */
export type ProxyArrival =
  | { readonly ok: true; readonly header: ProxyHeader }
  | { readonly ok: false; readonly detail: string };

const empty = Buffer.alloc(0);

/**
 * Takes the header off a new connection, whose further octets stay in the socket, which is paused then. Null when the
 * other side is gone before.
 */
export function takeProxyHeader(socket: Socket, deadlineMs: number): Promise<ProxyArrival | null> {
  return new Promise((resolve) => {
    let octets: Buffer = empty;
    const settle = (arrival: ProxyArrival | null) => {
      clearTimeout(timer);
      socket.off("data", onData).off("end", onGone).off("close", onGone).pause();
      resolve(arrival);
    };
    const timer = setTimeout(() => settle({ ok: false, detail: "no PROXY header came in time" }), deadlineMs);
    const onData = (chunk: Buffer) => {
      octets = octets.length === 0 ? chunk : Buffer.concat([octets, chunk]);
      const step = readProxyHeader(octets);
      if (step.kind === "more") return;
      if (step.kind === "fault") {
        settle({ ok: false, detail: step.detail });
        return;
      }
      settle({ ok: true, header: step.header });
      const rest = octets.subarray(step.octets);
      if (rest.length > 0) socket.unshift(rest);
    };
    const onGone = () =>
      settle(octets.length === 0 ? null : { ok: false, detail: "a PROXY header breaks off" });
    // Its close follows an error. There is to be a listener until somebody else listens.
    socket
      .on("data", onData)
      .once("end", onGone)
      .once("close", onGone)
      .on("error", () => {});
  });
}
