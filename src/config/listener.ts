export interface Listener {
  /** An IP address, or null for all interfaces. */
  readonly address: string | null;
  /** 0 for any free port. */
  readonly port: number;
  /** PEM files; null only where the listener has no TLS. */
  readonly tlsFiles: TlsFiles | null;
}

export interface SmtpListener extends Listener {
  readonly tls: "implicit" | "starttls" | "plain";
  readonly trusted: TrustedNetworks;
}

/** Networks, as `192.0.2.0/24`, of hosts that may say whose mail they bring. */
export interface TrustedNetworks {
  /** By a PROXY header, which is required of them. */
  readonly proxyProtocol: readonly string[];
  readonly xclient: readonly string[];
  readonly xforward: readonly string[];
  /** By AUTH of MAIL (RFC 4954 §5). */
  readonly mailAuth: readonly string[];
}

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}
