import { isHostName } from "../dns/index.ts";

/** Where a redirect sends askers (KEY-23): a host name, and port 443 or one from 1024. */
export interface RedirectTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * `serve`: answer; when all connections are taken say [BUSY] or, with `overflow`, send new clients there.
 * `redirect`: send every asker elsewhere, in the greeting and in reply to KEY: what an MX host does that does not hold
 * keys itself (DIS-3), or that shall become idle. `maintenance`: new clients are told [TEMP]; those who are there get an
 * answer to what they have asked, and then the connection ends.
 */
export type ServerMode =
  | {
      readonly kind: "serve";
      readonly overflow?: RedirectTarget;
      /** Share of the connections above which `overflow` gets the new ones. Default 1: when all are taken. */
      readonly overflowAbove?: number;
    }
  | { readonly kind: "redirect"; readonly target: RedirectTarget }
  | { readonly kind: "maintenance" };

/** @throws TypeError for a target that clients would refuse (KEY-23) */
export function checkMode(mode: ServerMode): void {
  const target = mode.kind === "redirect" ? mode.target : mode.kind === "serve" ? mode.overflow : undefined;
  if (target === undefined) return;
  if (!isHostName(target.host)) throw new TypeError(`${target.host} is not a host name`);
  if (target.port !== 443 && (target.port < 1024 || target.port > 0xffff)) {
    throw new TypeError(`port ${target.port} is not 443 or from 1024`);
  }
}

export function redirectLine({ host, port }: RedirectTarget): string {
  return `-FW ${host}:${port}\r\n`;
}
