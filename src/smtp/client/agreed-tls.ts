/** What protects a connection. */
export interface AgreedTls {
  /** As OpenSSL names it: `TLSv1.3`. */
  readonly version: string;
  /** IANA name: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The certificate was judged, and found good; else nobody knows whom this connection leads to. */
  readonly authenticated: boolean;
}
