import { isIPv6 } from "node:net";
import { type ClientIdentity, canonicalIp, type SessionInfo, type SmtpClientOptions } from "../smtp/index.ts";
import type { Sender } from "./senders.ts";

/** How the next hop hears whose mail it is. */
export type TellClient = "none" | "xforward" | "xclient" | "proxy-v1" | "proxy-v2";

/** What a connection tells of the client that it is for. */
export type Presenting = Pick<SmtpClientOptions, "proxyHeader" | "xclient">;

/** The client whose mail it is, and who sends it, as this host knows them. */
export function clientIdentity(session: SessionInfo<Sender>, sender: Sender | null): ClientIdentity {
  const { remoteAddress, remotePort, helo, protocol, told } = session;
  return {
    // One with a zone (fe80::1%eth0) means nothing on another host.
    address: canonicalIp(remoteAddress),
    port: remotePort === 0 ? null : remotePort,
    name: told?.name ?? null,
    helo,
    protocol: told?.protocol ?? protocol,
    login: loginOf(sender) ?? told?.login ?? null,
    ident: told?.ident ?? null,
    source: told?.source ?? null,
  };
}

function loginOf(sender: Sender | null): string | null {
  if (sender?.kind !== "user") return null;
  const { localPart, domain } = sender.login.primary;
  return `${localPart}@${domain}`;
}

/** Null: nothing, and then connections may be used for one client after another. */
export function presentingOf(
  tell: TellClient,
  identity: ClientIdentity,
  localPort: number,
): Presenting | null {
  switch (tell) {
    case "none":
    case "xforward":
      return null;
    case "xclient":
      return { xclient: identity };
    case "proxy-v1":
    case "proxy-v2": {
      const { address, port } = identity;
      const version = tell === "proxy-v1" ? 1 : 2;
      if (address === null) return { proxyHeader: { version, connection: null } };
      // Which of its own addresses the host before us was reached at, nobody told.
      const here = isIPv6(address) ? "::" : "0.0.0.0";
      return {
        proxyHeader: {
          version,
          connection: {
            source: { address, port: port ?? 0 },
            destination: { address: here, port: localPort },
          },
        },
      };
    }
  }
}

/** For who asks the next hop on his own behalf. */
export function presentingNobody(tell: TellClient): Presenting | null {
  if (tell !== "proxy-v1" && tell !== "proxy-v2") return null;
  return { proxyHeader: { version: tell === "proxy-v1" ? 1 : 2, connection: null } };
}

/** Whose message it is, in the transaction itself. */
export function xforwardOf(tell: TellClient, identity: ClientIdentity): ClientIdentity | null {
  return tell === "xforward" ? identity : null;
}
