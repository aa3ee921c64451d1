import { type Login, type LoginStep, noUse, type Vault } from "../signing/index.ts";
import { type AuthExchange, type AuthStep, reply, type SessionInfo } from "../smtp/index.ts";
import type { SubmissionEvent } from "./submission-event.ts";

/**
 * Relays a user's SASL exchange to the vault and back, octet for octet (PRV-5): this server neither understands nor
 * keeps what is said in it.
 *
 * @returns null for a mechanism that the vault has not
 */
export function beginLogin(
  vault: Pick<Vault, "logIn">,
  session: SessionInfo<Login>,
  mechanism: string,
  channelBinding: Uint8Array | null,
  onEvent: (event: SubmissionEvent) => void,
): AuthExchange<Login> | null {
  const client = session.remoteAddress;
  const exchange = vault.logIn(mechanism, { client, channelBinding });
  if (exchange === null) return null;
  let gone = false;
  return {
    respond: async (response) => {
      const step = await exchange.respond(response);
      // Nobody is there to use it.
      if (gone && step.kind === "accepted") step.login.end();
      if (step.kind !== "challenge") {
        const account = step.kind === "accepted" ? step.login.accountId : null;
        const cause = step.kind === "unavailable" ? step.cause : null;
        onEvent({
          kind: "login",
          session: session.id,
          client,
          mechanism,
          account,
          outcome: step.kind,
          cause,
        });
      }
      return authStep(step);
    },
    cancel: () => {
      gone = true;
      exchange.cancel();
    },
  };
}

function authStep(step: LoginStep): AuthStep<Login> {
  switch (step.kind) {
    case "accepted":
      return { kind: "accepted", user: step.login };
    case "rejected":
      return { kind: "refused" };
    case "suspended":
      return { kind: "refused", reply: noUse(step) };
    case "busy":
      return { kind: "refused", reply: reply(454, "4.7.0", "Too many logins at once; try again later") };
    case "unavailable":
      return { kind: "refused", reply: reply(454, "4.7.0", "Logins cannot be checked now; try again later") };
    default:
      return step;
  }
}
