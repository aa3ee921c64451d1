import type { Vault } from "../signing/index.ts";
import type { Assertion, AuthExchange, SessionInfo } from "../smtp/index.ts";
import { beginLogin } from "../submission/index.ts";
import { ProxyHandler, type ProxyOptions } from "./proxy-handler.ts";
import type { AssertedSenders, Sender } from "./senders.ts";

/** For users whom the server before this one has authenticated: it may say so by XCLIENT. */
export class AssertingProxyHandler extends ProxyHandler {
  readonly #senders: AssertedSenders;

  constructor(options: ProxyOptions, senders: AssertedSenders) {
    super(options);
    this.#senders = senders;
  }

  assert(session: SessionInfo<Sender>, login: string): Promise<Assertion<Sender>> {
    return this.#senders.assert(session, login);
  }
}

/** For users who log in here, at the vault. */
export class SubmissionProxyHandler extends ProxyHandler {
  readonly #vault: Pick<Vault, "mechanisms" | "logIn">;

  constructor(options: ProxyOptions, vault: Pick<Vault, "mechanisms" | "logIn">) {
    super(options);
    this.#vault = vault;
  }

  mechanisms(): readonly string[] {
    return this.#vault.mechanisms;
  }

  authenticate(
    session: SessionInfo<Sender>,
    mechanism: string,
    channelBinding: Uint8Array | null,
  ): AuthExchange<Sender> | null {
    const exchange = beginLogin(this.#vault, session, mechanism, channelBinding, this.note);
    return (
      exchange && {
        respond: async (response) => {
          const step = await exchange.respond(response);
          return step.kind === "accepted"
            ? { ...step, user: { kind: "user", login: step.user, forget: async () => {} } }
            : step;
        },
        cancel: () => exchange.cancel(),
      }
    );
  }

  override disconnect(session: SessionInfo<Sender>): void {
    super.disconnect(session);
    if (session.user?.kind === "user") session.user.login.end();
  }
}
