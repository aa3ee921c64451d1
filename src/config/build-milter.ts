import { resolve } from "node:path";
import type { MilterListener, MilterSettings } from "./milter-settings.ts";
import { formatPath, type Report } from "./problems.ts";
import type { Settings } from "./schema.ts";

/** @param folder relative paths of sockets count from there */
export function buildMilter(written: Settings["milter"], folder: string, report: Report): MilterSettings {
  const taken = new Set<string>();
  const listeners = written.listen.map(({ address, mode }, index): MilterListener => {
    const path = ["milter", "listen", index];
    const place =
      address.kind === "unix" ? resolve(folder, address.path) : `${address.host} port ${address.port}`;
    if (taken.has(place) && !place.endsWith(" port 0"))
      report(path, `${formatPath(path)} is ${place} once more`);
    taken.add(place);
    if (address.kind === "tcp") {
      if (mode !== undefined)
        report(path, `${formatPath(path)} is no Unix socket and has no mode; remove it`);
      return address;
    }
    return { kind: "unix", path: place, mode: Number.parseInt(mode ?? "0660", 8) };
  });
  return {
    listeners,
    jobs: new Set(written.jobs),
    logins: { domain: written.login_domain ?? null, exceptions: new Map(Object.entries(written.logins)) },
    unknownUsers: written.unknown_users,
    onTrouble: written.on_trouble,
    local: written.local,
    localUsers: new Map(Object.entries(written.local_users)),
    certificates: written.certificates,
    relays: written.relays.map(({ networks, account }) => ({
      networks,
      account: account === "reverse-path" ? null : account,
    })),
    progressMs: written.progress,
  };
}
