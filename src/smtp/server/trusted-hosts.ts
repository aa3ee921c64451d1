/**
 * Which hosts may say whose mail they bring, by their addresses: they can pass for any client, and XCLIENT for any user
 * too. Nobody unless given.
 */
export interface TrustedHosts {
  /** A header of the PROXY protocol, version 1 or 2, is required of them, before anything else. */
  readonly proxyProtocol?: ((address: string) => boolean) | undefined;
  /** They may name the client, and who logged in there, for the session. */
  readonly xclient?: ((address: string) => boolean) | undefined;
  /** They may name the client for a message. */
  readonly xforward?: ((address: string) => boolean) | undefined;
  /** Their AUTH of MAIL counts (RFC 4954 §5). Not for hosts that pass on what their clients write there. */
  readonly mailAuth?: ((address: string) => boolean) | undefined;
}

/** What one connection's host may say. */
export interface Trust {
  readonly xclient: boolean;
  readonly xforward: boolean;
  readonly mailAuth: boolean;
}

export const noTrust: Trust = { xclient: false, xforward: false, mailAuth: false };

export function trustIn(address: string, hosts: TrustedHosts): Trust {
  return {
    xclient: hosts.xclient?.(address) === true,
    xforward: hosts.xforward?.(address) === true,
    mailAuth: hosts.mailAuth?.(address) === true,
  };
}
