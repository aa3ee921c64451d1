import { accountOf, type LoginNames } from "../config/index.ts";
import { parseAddress } from "../message/index.ts";
import { type AssertedLogins, type Login, notAsserted } from "../signing/index.ts";
import { type Assertion, type Awaitable, type Envelope, reply, type SessionInfo } from "../smtp/index.ts";
import { mayWriteFrom } from "../submission/index.ts";
import type { Refusal } from "./refusal.ts";

/** Who sends mail through a proxy. */
export type Sender =
  | {
      readonly kind: "user";
      readonly login: Login;
      /** The login is over; whoever sends again is asked about anew. */
      readonly forget: () => Promise<void>;
    }
  /** Nobody here has an account for who sent it: it goes on as it came. */
  | { readonly kind: "unknown"; readonly name: string | null };

export type SenderAnswer = Sender | ({ readonly kind: "refused" } & Refusal);

/** Says who sends a message. */
export interface Senders {
  /** Asked at MAIL. */
  of(session: SessionInfo<Sender>, envelope: Envelope): Awaitable<SenderAnswer>;
}

/** Users who have logged in here: they write from addresses of theirs. */
export const loggedIn: Senders = {
  async of({ user }, { reversePath }) {
    if (user?.kind !== "user") throw new Error("submission needs a server with requireAuth");
    const refusal = await mayWriteFrom(user.login, reversePath);
    return refusal === null ? user : { kind: "refused", ...refusal };
  },
};

export interface AssertedSendersOptions {
  readonly logins: AssertedLogins;
  /** By what the server before us tells who it is. */
  readonly by: "login" | "reverse-path";
  readonly names: LoginNames;
  /** Mail of users without an account goes on unsigned, or is refused. */
  readonly unknownUsers: "accept" | "reject";
}

/** Users whom the server before this one has authenticated: it is believed. */
export class AssertedSenders implements Senders {
  readonly #options: AssertedSendersOptions;
  /** What those whom XCLIENT has named are called there. */
  readonly #named = new WeakMap<Sender, string>();

  constructor(options: AssertedSendersOptions) {
    this.#options = options;
  }

  /** XCLIENT says who has logged in. */
  async assert(session: SessionInfo<Sender>, login: string): Promise<Assertion<Sender>> {
    const answer = await this.#find(accountOf(this.#options.names, login), login, session);
    if (answer.kind === "refused") return { kind: "refused", reply: answer.reply };
    this.#named.set(answer, login);
    return { kind: "accepted", user: answer };
  }

  async of(session: SessionInfo<Sender>, { reversePath, submitter }: Envelope): Promise<SenderAnswer> {
    const { by, names } = this.#options;
    if (by === "reverse-path")
      return this.#find(reversePath?.text ?? null, reversePath?.text ?? null, session);
    // RFC 4954 §5: where a message says by itself who submitted it, that counts.
    if (submitter === null && session.user !== null) {
      const login = this.#named.get(session.user);
      // The session may outlive the login.
      return login === undefined ? session.user : this.#find(accountOf(names, login), login, session);
    }
    if (submitter === null || submitter === "unknown") return this.#unknown(null);
    return this.#find(accountOf(names, submitter.text), submitter.text, session);
  }

  async #find(
    account: string | null,
    name: string | null,
    { remoteAddress: client }: SessionInfo<Sender>,
  ): Promise<SenderAnswer> {
    const parsed = account === null ? null : parseAddress(account);
    if (parsed === null || !parsed.ok) return this.#unknown(name);
    const { logins } = this.#options;
    const login = await logins.of(parsed.address, client);
    if (login === null) return this.#unknown(name);
    if (!("kind" in login)) {
      return { kind: "user", login, forget: () => logins.forget(parsed.address, client, login) };
    }
    return notAsserted(login);
  }

  #unknown(name: string | null): SenderAnswer {
    if (this.#options.unknownUsers === "accept") return { kind: "unknown", name };
    const text = name === null ? "It is not known who sends this" : `${name} has no account here`;
    return { kind: "refused", reply: reply(550, "5.7.1", text), cause: null };
  }
}
