import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";

/** The system's certificate authorities and these. */
export function trustContext(ca: readonly string[]): SecureContext {
  const roots = ca.length > 0 ? { ca: [...getCACertificates("default"), ...ca] } : {};
  return createSecureContext({ minVersion: "TLSv1.2", ...roots });
}
