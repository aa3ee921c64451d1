import type { NextHop, NextHopCredentials } from "./next-hop.ts";
import { formatPath, type Report } from "./problems.ts";
import { resolveFile } from "./resolve-file.ts";
import type { Settings } from "./schema.ts";
import type { SettingPath } from "./toml-lines.ts";

type WrittenHop = Omit<Settings["routes"][string], "lmtp"> &
  Partial<Pick<Settings["routes"][string], "lmtp">>;

/**
 * Completes where mail goes on to. What cannot be meant is reported.
 *
 * @returns null when it says nothing of where
 */
export function buildNextHop(
  written: WrittenHop,
  path: SettingPath,
  folder: string,
  report: Report,
): NextHop | null {
  const place = written.next_hop ?? written.lmtp;
  if (place === undefined) return null;
  if (written.next_hop !== undefined && written.lmtp !== undefined) {
    report([...path, "lmtp"], `${formatPath(path)} has both next_hop and lmtp; remove one`);
  }
  const credentials = buildCredentials(written, path, folder, report);
  const tls = written.tls ?? usualTls(place, credentials !== null);
  if (place.kind === "unix" && tls !== "none") {
    report([...path, "tls"], `${formatPath([...path, "tls"])} has no meaning for a Unix socket; remove it`);
  } else if (credentials !== null && tls !== "required" && tls !== "implicit") {
    report(
      [...path, written.tls === undefined ? "user" : "tls"],
      `${formatPath(path)} has a password, which is sent under checked TLS only; ` +
        (place.kind === "unix" ? "remove user and password" : 'set tls = "required" or "implicit"'),
    );
  }
  return { place, protocol: written.next_hop === undefined ? "lmtp" : "smtp", tls, credentials };
}

/** RFC 8314: port 465 begins with TLS. Elsewhere what is offered is taken, unless a password is to be sent. */
function usualTls(place: NextHop["place"], hasPassword: boolean): NextHop["tls"] {
  if (place.kind === "unix") return "none";
  if (place.port === 465) return "implicit";
  return hasPassword ? "required" : "opportunistic";
}

function buildCredentials(
  { user, password }: WrittenHop,
  path: SettingPath,
  folder: string,
  report: Report,
): NextHopCredentials | null {
  if (user === undefined && password === undefined) return null;
  if (user === undefined || password === undefined) {
    const [given, missing] = user === undefined ? ["password", "user"] : ["user", "password"];
    report([...path, given as string], `${formatPath([...path, missing as string])} is missing beside this`);
    return null;
  }
  return { user, passwordSource: resolveFile(password, folder) };
}
