// A server to which hosts say whose mail they bring (PROXY, XCLIENT, XFORWARD), and what it takes of it.
import type { SessionInfo, SmtpHandler, SmtpServerOptions } from "./index.ts";
import { startServer } from "./test-peers.ts";

export const trusted = (address: string) => address === "127.0.0.1";
export const everything = { xclient: trusted, xforward: trusted, mailAuth: trusted };

type Seen = Pick<SessionInfo, "remoteAddress" | "remotePort" | "helo" | "proxiedBy" | "told"> & {
  readonly user: unknown;
};

/** A server that notes whose each message is, and to whom `alice` and `carol` are known. */
export async function start(
  options: Partial<SmtpServerOptions<string>> = {},
  methods: Partial<SmtpHandler<string>> = {},
) {
  const seen: Seen[] = [];
  const calls: string[] = [];
  const started = await startServer({
    trusted: everything,
    ...options,
    methods: {
      connect(session) {
        calls.push(`connect ${session.remoteAddress}`);
        return null;
      },
      disconnect: (session) => void calls.push(`disconnect ${session.user ?? "nobody"}`),
      assert(_session, login) {
        calls.push(`assert ${login}`);
        return login === "alice" || login === "carol"
          ? { kind: "accepted", user: login }
          : { kind: "refused" };
      },
      mail({ remoteAddress, remotePort, helo, proxiedBy, told, user }) {
        seen.push({ remoteAddress, remotePort, helo, proxiedBy, told, user });
        return null;
      },
      ...methods,
    },
  });
  return { ...started, seen, calls };
}

export const own = {
  remoteAddress: "127.0.0.1",
  helo: "client.test",
  proxiedBy: null,
  told: null,
  user: null,
};

/** What was seen, but for the port where it is the system's. */
export function whose(seen: readonly Seen[]): unknown[] {
  return seen.map(({ remotePort, ...rest }) =>
    rest.remoteAddress === "127.0.0.1" ? rest : { ...rest, remotePort },
  );
}
