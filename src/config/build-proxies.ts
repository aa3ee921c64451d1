import { buildNextHop } from "./build-next-hop.ts";
import type { SmtpListener } from "./listener.ts";
import type { ListenerBuilder } from "./listener-builder.ts";
import type { NextHop } from "./next-hop.ts";
import { formatPath, type Report } from "./problems.ts";
import type { ProxySettings } from "./proxy-settings.ts";
import type { Settings } from "./schema.ts";

/** Whoever may connect for signing is believed whose mail it is: only this host's own unless the settings say more. */
const OWN_HOST = ["127.0.0.0/8", "::1/128"];

export function buildProxies(
  settings: Settings,
  folder: string,
  listeners: ListenerBuilder,
  report: Report,
): ProxySettings[] {
  if (settings.roles.includes("proxy") && settings.proxy.length === 0) {
    report(
      ["roles"],
      'the role "proxy" is what [[proxy]] tables say, and there is none; add one or remove the role',
    );
  }
  return settings.proxy.flatMap((written, index) => {
    const path = ["proxy", index];
    const { job } = written;
    const nextHop = buildNextHop(written, path, folder, report);
    if (nextHop === null) return [];
    const built = written.listen.map((listener, at) => {
      const place = [...path, "listen", at];
      // What the server before us sends over loopback nobody else hears.
      const usual =
        job !== "submission" && isLoopback(listener.address.address) ? ("none" as const) : undefined;
      const tls = listener.tls ?? usual;
      if (job === "submission" && tls === "none") {
        report(
          [...place, "tls"],
          `${formatPath([...place, "tls"])}: users log in inside TLS only; set "implicit" or "starttls"`,
        );
      }
      return listeners.buildSmtp("proxy", { ...listener, tls }, place);
    });
    if (built.some((listener) => isAt(nextHop, listener))) {
      report(
        [...path, "next_hop"],
        `${formatPath([...path, "next_hop"])} is where this proxy listens itself`,
      );
    }
    return [
      {
        listeners: built,
        job,
        nextHop,
        connections: written.connections,
        tellClient: written.tell_client,
        clients: written.clients ?? (job === "sign" ? OWN_HOST : null),
        sender: written.sender,
        logins: { domain: written.login_domain ?? null, exceptions: new Map(Object.entries(written.logins)) },
        unknownUsers: written.unknown_users,
      },
    ];
  });
}

function isAt({ place }: NextHop, { address, port }: SmtpListener): boolean {
  if (place.kind === "unix" || place.port !== port) return false;
  return address === null ? isLoopback(place.host) : address === place.host;
}

function isLoopback(address: string | null): boolean {
  return address !== null && (address === "::1" || address.startsWith("127."));
}
