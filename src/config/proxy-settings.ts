import type { SmtpListener } from "./listener.ts";
import type { LoginNames } from "./login-names.ts";
import type { NextHop } from "./next-hop.ts";

/** One place where mail comes and goes on at once, inside the session. */
export interface ProxySettings {
  readonly listeners: readonly SmtpListener[];
  /**
   * `verify`: mail of others, as the MX verifies it. `sign`: mail of users whom the server before this one has authenticated.
   * `submission`: mail of users who log in here.
   */
  readonly job: "verify" | "sign" | "submission";
  readonly nextHop: NextHop;
  /** Connections to it at a time. */
  readonly connections: number;
  /** How it hears whose mail it is. */
  readonly tellClient: "none" | "xforward" | "xclient" | "proxy-v1" | "proxy-v2";
  /** Networks that may connect, as `192.0.2.0/24`; null: all. */
  readonly clients: readonly string[] | null;
  /** By what the server before this one tells who a user is. */
  readonly sender: "login" | "reverse-path";
  readonly logins: LoginNames;
  /** What becomes of mail of users who have no account here. */
  readonly unknownUsers: "accept" | "reject";
}
