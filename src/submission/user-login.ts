import { parseAddress } from "../message/index.ts";
import { type Login, type LoginStep, notAsserted, noUse, type Vault } from "../signing/index.ts";
import { type Assertion, type AuthExchange, type AuthStep, reply, type SessionInfo } from "../smtp/index.ts";
import type { SubmissionEvent } from "./submission-event.ts";

/** A login came to its end. */
export type LoginEvent = Extract<SubmissionEvent, { readonly kind: "login" }>;

/**
 * Relays a user's SASL exchange to the vault and back, octet for octet (PRV-5): this server neither understands nor
 * keeps what is said in it.
 *
 * @returns null for a mechanism that the vault has not
 */
export function beginLogin(
  vault: Pick<Vault, "logIn">,
  session: Pick<SessionInfo, "id" | "remoteAddress">,
  mechanism: string,
  channelBinding: Uint8Array | null,
  onEvent: (event: LoginEvent) => void,
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

/**
 * Who has logged in at a host that is trusted to say so.
 *
 * @param account the address; null: the name that was given is nobody's
 */
export async function assertLogin(
  vault: Pick<Vault, "assert">,
  session: SessionInfo<Login>,
  account: string | null,
  onEvent: (event: SubmissionEvent) => void,
): Promise<Assertion<Login>> {
  const parsed = account === null ? null : parseAddress(account);
  const client = session.remoteAddress;
  const answer = parsed?.ok ? await vault.assert(parsed.address, { client, channelBinding: null }) : null;
  const failed = answer !== null && "kind" in answer ? answer : null;
  const login = answer === null || "kind" in answer ? null : answer;
  onEvent({
    kind: "login",
    session: session.id,
    client,
    mechanism: "XCLIENT",
    account: login?.accountId ?? null,
    outcome: login !== null ? "accepted" : failed === null ? "rejected" : "unavailable",
    cause: failed && notAsserted(failed).cause,
  });
  if (login !== null) return { kind: "accepted", user: login };
  if (failed === null) return { kind: "refused" };
  return { kind: "refused", reply: reply(451, "4.4.3", "Users cannot be looked up now; try again later") };
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
