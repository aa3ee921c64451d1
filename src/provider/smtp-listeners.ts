import type { SmtpListener } from "../config/index.ts";
import { SmtpServer, type SmtpServerOptions, type TlsMode } from "../smtp/index.ts";
import type { Place, Running, Shared } from "./role.ts";
import { secureContextOf } from "./tls-files.ts";

type Options<User> = Pick<SmtpServerOptions<User>, "handler" | "requireAuth" | "extensions" | "transcript">;

/** Opens the SMTP listeners of a role; when one cannot be opened those before it are closed again. */
export async function listenSmtp<User>(
  { config, log }: Shared,
  role: "submission" | "mx",
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
        onEvent: ({ kind, ...event }) => {
          const session =
            "session" in event ? { session: event.session.id, remote: event.session.remoteAddress } : {};
          const cause = "cause" in event ? { err: event.cause } : {};
          const level = kind === "handler-failed" ? "error" : "debug";
          log[level]({ role, ...session, ...cause }, kind);
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

/** Passwords never cross a network in clear text, so a submission listener demands TLS (RFC 8314). */
function tlsMode(listener: SmtpListener, requireAuth: boolean): TlsMode {
  if (listener.tls === "starttls") return requireAuth ? "starttls-required" : "starttls";
  return listener.tls;
}
