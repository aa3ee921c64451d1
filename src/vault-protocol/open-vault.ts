import { createHash } from "node:crypto";
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { MAX_LINE_OCTETS, VAULT_ALPN } from "./grammar.ts";
import { InputBuffer } from "./input-buffer.ts";
import type { Capabilities } from "./reply.ts";
import { VaultConnection, type VaultConnectionOptions } from "./vault-connection.ts";

/** Where a vault is, and how it is told to be the right one. */
export type VaultPlace =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      /** With the client's certificate and key, and the certificate authorities where the vault is not pinned. */
      readonly secureContext: () => SecureContext;
      /**
       * SHA-256 (hex) of the SubjectPublicKeyInfo of the vault's certificate; then neither its name nor who issued it
       * counts. Null: the name must be `host`, and the chain must lead to an authority of the context.
       */
      readonly spkiSha256: string | null;
    };

export interface OpenVaultOptions extends VaultConnectionOptions {
  /** For connecting and the handshake, for the greeting, and for CAPA, each. Default 5000. */
  readonly stepMs?: number;
}

export interface OpenedVault {
  readonly connection: VaultConnection;
  readonly capabilities: Capabilities;
}

/** Why there is no connection to a vault; `message` says it to the operator. */
export class VaultUnreachable extends Error {
  override readonly name = "VaultUnreachable";
}

/**
 * Connects, proves both sides to each other, waits for the greeting and asks what may be used (PRV-1, PRV-4, PRV-25).
 *
 * @throws VaultUnreachable
 */
export async function openVault(place: VaultPlace, options: OpenVaultOptions = {}): Promise<OpenedVault> {
  const stepMs = options.stepMs ?? 5000;
  const where = place.kind === "unix" ? place.path : `${place.host}:${place.port}`;
  let socket: Socket | null = null;
  try {
    socket = place.kind === "unix" ? connectSocket(place.path) : startTls(place);
    await inTime(socket, stepMs, (resolve, reject) =>
      untilConnected(socket as Socket, place, resolve, reject),
    );
    await inTime(socket, stepMs, (resolve, reject) => untilGreeted(socket as Socket, resolve, reject));
    const connection = new VaultConnection(socket, options);
    const answer = await connection.request({ verb: "CAPA" });
    if (answer.kind === "capabilities") return { connection, capabilities: answer.capabilities };
    connection.close();
    throw new Error(answer.kind === "failed" ? answer.detail : "it does not say what it can");
  } catch (error) {
    socket?.destroy();
    const { code, message } = error as NodeJS.ErrnoException;
    throw new VaultUnreachable(`no connection to the vault at ${where}: ${code ?? message}`);
  }
}

/** SHA-256 (hex) of the SubjectPublicKeyInfo: what enrolments and pins name a certificate by. */
export function spkiSha256(publicKey: { export(o: { type: "spki"; format: "der" }): Buffer }): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

function startTls({ host, port, secureContext, spkiSha256: pin }: VaultPlace & { kind: "tcp" }): TLSSocket {
  return connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: secureContext(),
    ALPNProtocols: [VAULT_ALPN],
    rejectUnauthorized: pin === null,
  });
}

function untilConnected(
  socket: Socket,
  place: VaultPlace,
  resolve: () => void,
  reject: (cause: Error) => void,
): void {
  if (place.kind === "unix") {
    socket.once("connect", resolve);
    return;
  }
  const secure = socket as TLSSocket;
  secure.once("secureConnect", () => {
    const certificate = secure.getPeerX509Certificate();
    if (
      place.spkiSha256 !== null &&
      (!certificate || spkiSha256(certificate.publicKey) !== place.spkiSha256)
    ) {
      reject(new Error("its certificate has another key than the one that is pinned"));
    } else if (secure.getProtocol() !== "TLSv1.3") {
      reject(new Error("it does not speak TLS 1.3"));
    } else if (secure.alpnProtocol !== VAULT_ALPN)
      reject(new Error(`it does not speak ${VAULT_ALPN} (ALPN)`));
    else resolve();
  });
}

function untilGreeted(socket: Socket, resolve: () => void, reject: (cause: Error) => void): void {
  const input = new InputBuffer(MAX_LINE_OCTETS);
  const read = (octets: Buffer): void => {
    input.push(octets);
    const line = input.takeLine();
    if (line.kind === "none") return;
    socket.off("data", read).pause();
    if (line.kind === "fault") reject(new Error(line.detail));
    else if (!/^\+OK(?: |$)/i.test(line.text))
      reject(new Error(`it greets with "${line.text.slice(0, 200)}"`));
    // The client speaks first behind the greeting.
    else if (input.length > 0) reject(new Error("it sends more than its greeting"));
    else resolve();
  };
  socket.on("data", read);
}

/** Waits for one thing to happen on a socket; its end, its errors and the time end the waiting. */
async function inTime(
  socket: Socket,
  timeoutMs: number,
  begin: (resolve: () => void, reject: (cause: Error) => void) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const closed = () => reject(new Error("it closed the connection; is this server enrolled there?"));
  const timer = setTimeout(() => reject(new Error("no answer in time")), timeoutMs);
  socket.on("error", reject).on("close", closed).on("end", closed);
  try {
    begin(resolve, reject);
    await promise;
  } finally {
    clearTimeout(timer);
    // An error between two waits shows as the close that follows it.
    socket
      .off("close", closed)
      .off("end", closed)
      .off("error", reject)
      .on("error", () => {});
  }
}
