import { isIP } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  type DetailedPeerCertificate,
  type TLSSocket,
} from "node:tls";
import type { ClientTls } from "./options.ts";
import type { PeerCertificates } from "./peer-certificates.ts";

/** Longer chains are cut: nobody is obliged to walk through what a stranger sends. */
const maxChain = 10;

/** Judges the server of one connection. */
export class PeerJudge {
  readonly #accept: ((certificates: PeerCertificates) => string | null) | null;
  #nameProblem: Error | undefined;
  /** For the handshake, which never fails for the certificate: what it is worth is said afterwards. */
  readonly options: ConnectionOptions;

  constructor(tls: ClientTls) {
    if (!("name" in tls)) {
      this.#accept = null;
      this.options = { rejectUnauthorized: false };
      return;
    }
    this.#accept = tls.mode === "judged" ? tls.accept : ({ webPkiProblem }) => webPkiProblem;
    this.options = {
      rejectUnauthorized: false,
      host: tls.name,
      // SNI carries names only (RFC 6066 §3).
      ...(isIP(tls.name) === 0 ? { servername: tls.name } : {}),
      ...(tls.ca === undefined ? {} : { ca: [tls.ca].flat() as string[] }),
      checkServerIdentity: (name, certificate) => {
        this.#nameProblem = checkServerIdentity(name, certificate);
        return this.#nameProblem;
      },
    };
  }

  /** Whether anything is demanded of the server. */
  get demands(): boolean {
    return this.#accept !== null;
  }

  /** Null: trusted, or nothing is demanded; else why not. To be asked once the handshake is done. */
  findProblem(socket: TLSSocket): string | null {
    return this.#accept?.({ chain: chainOf(socket), webPkiProblem: this.#webPkiProblem(socket) }) ?? null;
  }

  #webPkiProblem(socket: TLSSocket): string | null {
    if (socket.authorized) return null;
    return this.#nameProblem?.message ?? `the certificate is not trusted: ${socket.authorizationError}`;
  }
}

function chainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < maxChain) {
    chain.push(certificate.raw);
    // Node shows a self-signed certificate as its own issuer.
    certificate = certificate.issuerCertificate === certificate ? undefined : certificate.issuerCertificate;
  }
  return chain;
}
