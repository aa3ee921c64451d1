import { randomBytes } from "node:crypto";
import type { Dialogue, SaslOptions, SaslVerdict } from "./dialogue.ts";
import { login } from "./login.ts";
import { oauthBearer } from "./oauth-bearer.ts";
import { plain } from "./plain.ts";
import { scram } from "./scram.ts";

export type SaslStep<User> = { readonly kind: "challenge"; readonly octets: Uint8Array } | SaslVerdict<User>;

/** The server's side of one SASL exchange. One question at a time. */
export interface SaslExchange<User> {
  /**
   * @param response what the client sent; null at first when it sent no initial response
   * @returns rejects when the backend does
   */
  respond(response: Uint8Array | null): Promise<SaslStep<User>>;
  /** The client gave up. */
  cancel(): void;
}

type Mechanism = <User>(initial: Uint8Array | null, options: Required<SaslOptions<User>>) => Dialogue<User>;

const mechanisms = new Map<string, Mechanism>([
  ["SCRAM-SHA-256-PLUS", (initial, options) => scram(initial, options, "required")],
  ["SCRAM-SHA-256", (initial, options) => scram(initial, options, "none")],
  ["OAUTHBEARER", (initial, { backend }) => oauthBearer(initial, backend)],
  ["PLAIN", (initial, { backend }) => plain(initial, backend)],
  ["LOGIN", (initial, { backend }) => login(initial, backend)],
]);

/** What a line of RFC 4954 (12288 octets) holds in base64; longer responses are malformed. */
const MAX_RESPONSE_OCTETS = 9216;

const malformed = { kind: "malformed" } as const;

/** Null for a mechanism that is not known, or that binds to a TLS session where there is none. */
export function saslExchange<User>(mechanism: string, options: SaslOptions<User>): SaslExchange<User> | null {
  const start = mechanisms.get(mechanism);
  if (start === undefined) return null;
  if (mechanism.endsWith("-PLUS") && options.channelBinding === null) return null;
  let dialogue: Dialogue<User> | null = null;
  return {
    async respond(response) {
      if ((response?.length ?? 0) > MAX_RESPONSE_OCTETS) return malformed;
      let step: IteratorResult<Uint8Array, SaslVerdict<User> | undefined>;
      if (dialogue === null) {
        dialogue = start(response, { newNonce: randomNonce, ...options });
        step = await dialogue.next(new Uint8Array());
      } else if (response === null) return malformed;
      else step = await dialogue.next(response);
      if (!step.done) return { kind: "challenge", octets: step.value };
      return step.value ?? malformed; // undefined: it had ended before
    },
    cancel() {
      void dialogue?.return(malformed).catch(() => {});
    },
  };
}

function randomNonce(): string {
  return randomBytes(18).toString("base64");
}
