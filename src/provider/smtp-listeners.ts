import type { SmtpListener, TrustedNetworks } from "../config/index.ts";
import { NetworkList } from "../dns/index.ts";
import { SmtpServer, type SmtpServerOptions, type TlsMode, type TrustedHosts } from "../smtp/index.ts";
import type { Place, Running, Shared } from "./role.ts";
import { secureContextOf } from "./tls-files.ts";

type Options<User> = Pick<SmtpServerOptions<User>, "handler" | "requireAuth" | "extensions" | "transcript">;

/** Opens the SMTP listeners of a role; when one cannot be opened those before it are closed again. */
export async function listenSmtp<User>(
  { config, log }: Shared,
  role: "submission" | "mx" | "proxy",
  listeners: readonly SmtpListener[],
  options: Options<User>,
): Promise<Running> {
  const { limits } = config;
  const servers: SmtpServer<User>[] = [];
  const places: Place[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    for (const listener of listeners) {
      const files = listener.tlsFiles;
      const server = new SmtpServer<User>({
        ...options,
        hostname: config.hostname,
        tlsMode: tlsMode(listener, options.requireAuth === true),
        ...(files
          ? {
              secureContext: secureContextOf(files, (err) =>
                log.error({ role, err }, "the renewed certificate cannot be used"),
              ),
            }
          : {}),
        limits: {
          messageOctets: limits.messageOctets,
          recipients: limits.recipients,
          connections: limits.connections,
          connectionsPerAddress: limits.connectionsPerAddress,
        },
        deadlines: { commandMs: limits.idleTimeoutMs },
        trusted: trustedHosts(listener.trusted),
        onEvent: ({ kind, ...event }) => {
          const session =
            "session" in event ? { session: event.session.id, remote: event.session.remoteAddress } : {};
          const cause = "cause" in event ? { err: event.cause } : {};
          // A proxy that is set up differently: nobody comes through, and only we can tell why.
          const proxy = "detail" in event ? { remote: event.remoteAddress, detail: event.detail } : {};
          const level =
            kind === "handler-failed" ? "error" : kind === "proxy-header-missing" ? "warn" : "debug";
          log[level]({ role, ...session, ...cause, ...proxy }, kind);
        },
      });
      servers.push(server);
      const { host, port } = await server.listen({ host: listener.address ?? "::", port: listener.port });
      places.push({ role, host, port, tls: listener.tls });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { places, stop };
}

function trustedHosts({ proxyProtocol, xclient, xforward, mailAuth }: TrustedNetworks): TrustedHosts {
  return {
    proxyProtocol: memberOf(proxyProtocol),
    xclient: memberOf(xclient),
    xforward: memberOf(xforward),
    mailAuth: memberOf(mailAuth),
  };
}

function memberOf(networks: readonly string[]): ((address: string) => boolean) | undefined {
  if (networks.length === 0) return undefined;
  const list = new NetworkList(networks);
  // A zone is this host's name for a link.
  return (address) => list.has(address.replace(/%.*$/, ""));
}

/** Passwords never cross a network in clear text, so a submission listener demands TLS (RFC 8314). */
function tlsMode(listener: SmtpListener, requireAuth: boolean): TlsMode {
  if (listener.tls === "starttls") return requireAuth ? "starttls-required" : "starttls";
  return listener.tls;
}
