import { type Dialer, type OpenResult, openSmtp, type SmtpClientOptions } from "../smtp/index.ts";
import { clientTls } from "./security.ts";
import type { Target } from "./target.ts";

export interface OpenOptions {
  readonly hostname: string;
  readonly ca: readonly string[] | null;
  readonly passwordOf: (credentials: NonNullable<Target["credentials"]>) => string;
  readonly nowMs: () => number;
  /** What the server is told of whose mail it gets. */
  readonly presenting?: Pick<SmtpClientOptions, "proxyHeader" | "xclient">;
  readonly deadlines?: SmtpClientOptions["deadlines"];
  readonly transcript?: (line: string) => void;
}

/**
 * A connection that is as the target has it. RFC 7435 §3: where nothing is demanded, encryption protects from listeners
 * only, so a server whose TLS is broken still gets its mail; the clear text goes over a connection of its own.
 */
export async function openConnection(
  dialer: Dialer,
  target: Target,
  options: OpenOptions,
): Promise<OpenResult> {
  const { hostname, ca, passwordOf, nowMs, presenting, deadlines, transcript } = options;
  const { place, protocol, security, credentials } = target;
  const open = (tls: SmtpClientOptions["tls"]): Promise<OpenResult> =>
    openSmtp(dialer, place, {
      hostname,
      tls,
      protocol,
      ...presenting,
      ...(credentials === null
        ? {}
        : { credentials: { user: credentials.user, password: passwordOf(credentials) } }),
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript }),
    });
  const secure = await open(clientTls(security, place.host, ca, nowMs));
  const tlsBroken = !secure.ok && secure.failure.stage === "starttls" && security.kind === "opportunistic";
  return tlsBroken ? open({ mode: "never" }) : secure;
}
