import {
  type AuditEntry,
  type AuditWriter,
  type Authenticator,
  auditEntry,
  type EnrolmentRecord,
  type UserKeys,
} from "../keyring/index.ts";
import { type Address, addressText } from "../message/index.ts";
import { signingInput } from "../signature/index.ts";
import type { Limited, NoUse, Signed, Unavailable } from "../signing/index.ts";
import {
  type AuthRequest,
  type Capabilities,
  type ErrorReply,
  errorReply,
  limitReply,
  type PlainRequest,
  type ServerExchange,
  type SignRequest,
  type VaultReply,
  type VaultResponder,
} from "../vault-protocol/index.ts";
import type { KeyringLogin, StatementOf } from "./keyring-login.ts";
import { KeyringVault } from "./keyring-vault.ts";
import { isInScope } from "./scope.ts";
import { judgeSign } from "./sign-policy.ts";
import { Tickets } from "./tickets.ts";

export interface EnrolledAccessOptions {
  readonly authenticator: Authenticator;
  readonly keys: UserKeys;
  readonly audit: AuditWriter;
  readonly statementOf: StatementOf | null;
  readonly nowMs: () => number;
  /** Tickets at a time. */
  readonly maxTickets: number;
  /** The store or a key failed; the client was told [TEMP]. */
  readonly onFailure: (cause: unknown) => void;
}

/** A private key leaves the vault for at most this long (PRV-18). */
const MAX_LENT_S = 900;

/**
 * What one enrolled submission server may do, over all its connections: its scope, modes and tickets (PRV-2), and what
 * its requests come to. Everything that uses a key is logged by the keyring; what is refused before is logged here.
 */
export class EnrolledAccess {
  readonly enrolment: EnrolmentRecord;
  readonly #options: EnrolledAccessOptions;
  readonly #actor: string;
  readonly #vault: KeyringVault;
  readonly #tickets: Tickets;
  #ended = false;

  constructor(enrolment: EnrolmentRecord, options: EnrolledAccessOptions) {
    this.enrolment = enrolment;
    this.#options = options;
    this.#actor = `ss:${enrolment.name}`;
    const { authenticator, keys, statementOf } = options;
    const serves = (primary: Address) => isInScope(enrolment.scope, primary);
    this.#vault = new KeyringVault({ authenticator, keys, statementOf, serves, actor: this.#actor });
    this.#tickets = new Tickets(options.maxTickets, options.nowMs);
  }

  /** @param peer the network address of the submission server, for the audit log where it gives none of a user */
  responder(peer: string): VaultResponder {
    return {
      capabilities: () => this.#capabilities(),
      logIn: (request) => this.#logIn(request, request.client ?? peer),
      answer: (request) => this.#answer(request, peer),
      sign: (request, h) => this.#sign(request, h, peer),
    };
  }

  expireTickets(): void {
    this.#tickets.expire();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The enrolment has ended, and its tickets with it (PRV-32). */
  end(): void {
    this.#ended = true;
    this.#tickets.clear();
  }

  #capabilities(): Capabilities {
    const { modes, mayAssert } = this.enrolment;
    return {
      mechanisms: this.#vault.mechanisms,
      modes: modes.map((mode) => (mode === "sign" ? "SIGN" : "GETKEY")),
      mayAssert,
    };
  }

  #logIn({ mechanism, channelBinding }: AuthRequest, client: string): ServerExchange | ErrorReply {
    const exchange = this.#vault.logIn(mechanism, { client, channelBinding });
    if (exchange === null) return errorReply("UNSUPP", "no such mechanism here");
    return {
      respond: (response) =>
        this.#guarded(async () => {
          const step = await exchange.respond(response);
          switch (step.kind) {
            case "challenge":
              return step;
            case "accepted":
              return this.#ticket(step.login);
            case "rejected":
              return errorReply("AUTH", "the credentials are wrong");
            case "malformed":
              return errorReply("SYNTAX", "that is not what the mechanism says here");
            case "busy":
              return errorReply("BUSY", "too many logins at once");
            default:
              return this.#noUse(step);
          }
        }),
      cancel: () => exchange.cancel(),
    };
  }

  #answer(request: PlainRequest, peer: string): Promise<VaultReply> {
    return this.#guarded(async () => {
      if (request.verb === "ASSERT") return this.#assert(request.address, request.client ?? peer);
      const used = this.#tickets.use(request.ticket);
      if (used === null && request.verb === "GETKEY") {
        const subject = addressText(request.address);
        return this.#refuse(noTicket, { action: "getkey", subject, client: peer });
      }
      if (used === null) return noTicket;
      const { login, leftMs } = used;
      switch (request.verb) {
        case "ID":
          return this.#identify(login, request.address);
        case "SPEND": {
          const spent = await login.spend(request.recipients);
          return spent.kind === "spent" ? { kind: "done" } : this.#noUse(spent);
        }
        case "GETKEY":
          return this.#lend(login, request.address, leftMs);
        case "DROP":
          this.#tickets.drop(request.ticket);
          return { kind: "done" };
      }
    });
  }

  /** PRV-9 */
  async #assert(address: Address, client: string): Promise<VaultReply> {
    const refuse = (reply: ErrorReply) =>
      this.#refuse(reply, { action: "assert", subject: addressText(address), client });
    if (!this.enrolment.mayAssert)
      return refuse(errorReply("DENIED", "this enrolment has not the right ASSERT"));
    if (!isInScope(this.enrolment.scope, address)) return refuse(errorReply("POLICY", "out of scope"));
    const login = await this.#vault.assert(address, { client, channelBinding: null });
    if (login === null) return errorReply("POLICY", "no account has this address");
    if ("kind" in login) return this.#noUse(login);
    // The address may be another one of an account that is not this server's.
    if (!isInScope(this.enrolment.scope, login.primary)) return refuse(errorReply("POLICY", "out of scope"));
    return this.#ticket(login);
  }

  /** PRV-8 */
  #ticket(login: KeyringLogin): VaultReply {
    const ticket = this.#tickets.issue(login);
    const { primary, accountId } = login;
    return ticket === null
      ? errorReply("BUSY", "too many tickets")
      : { kind: "ticket", ticket, primary, accountId };
  }

  /** PRV-10, PRV-26 */
  async #identify(login: KeyringLogin, address: Address): Promise<VaultReply> {
    const answer = await login.identify(address);
    if (answer.kind === "granted") {
      const { identity, keys } = answer;
      return isInScope(this.enrolment.scope, identity) ? { kind: "identified", identity, keys } : notGranted;
    }
    return answer.kind === "not-granted" ? notGranted : this.#noUse(answer);
  }

  /** PRV-12, PRV-18 */
  async #lend(login: KeyringLogin, address: Address, leftMs: number): Promise<VaultReply> {
    const refuse = (reply: ErrorReply) => {
      const { accountId: account, user } = login;
      return this.#refuse(reply, {
        action: "getkey",
        account,
        subject: addressText(address),
        client: user.client,
      });
    };
    if (!this.enrolment.modes.includes("getkey"))
      return refuse(errorReply("DENIED", "GETKEY is not enrolled"));
    if (!isInScope(this.enrolment.scope, address)) return refuse(notGranted);
    const answer = await login.lend(address);
    if (answer.kind === "not-granted") return notGranted;
    if (answer.kind !== "lent") return this.#noUse(answer);
    const expiresIn = Math.min(MAX_LENT_S, Math.floor(leftMs / 1000));
    const keys = answer.keys.map(({ kid, algorithm, privateKey }) => {
      const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
      return { kid, algorithm, expiresIn, pkcs8 };
    });
    return { kind: "keys", keys };
  }

  /** PRV-11, PRV-17 */
  #sign({ ticket, address, kid, recipients }: SignRequest, h: Uint8Array, peer: string): Promise<VaultReply> {
    return this.#guarded(async () => {
      const details = { action: "sign", subject: addressText(address), kid, recipients };
      const login = this.#tickets.use(ticket)?.login;
      if (login === undefined) return this.#refuse(noTicket, { ...details, client: peer });
      const refuse = (reply: ErrorReply, more: Partial<AuditEntry> = {}) => {
        const { accountId: account, user } = login;
        return this.#refuse(reply, { ...details, ...more, account, client: user.client });
      };
      if (!this.enrolment.modes.includes("sign")) return refuse(errorReply("DENIED", "SIGN is not enrolled"));
      if (!isInScope(this.enrolment.scope, address)) return refuse(notGranted);
      const claim = { identity: address, kid, recipients };
      const now = Math.floor(this.#options.nowMs() / 1000);
      const verdict = await judgeSign(claim, h, now, (author) => login.rightsTo(author), login.user.asserted);
      if (verdict.kind === "policy") {
        const { detail, messageIdHash } = verdict;
        return refuse(errorReply("POLICY", detail), { messageIdHash, detail });
      }
      if (verdict.kind !== "fine") return this.#notSigned(verdict);
      const { messageIdHash, level } = verdict;
      const order = {
        identity: address,
        kid,
        level,
        recipientCount: recipients,
        input: signingInput(h),
        messageIdHash,
      };
      const signed = await login.sign(order);
      return signed.kind === "signed"
        ? { kind: "signature", octets: signed.signature }
        : this.#notSigned(signed);
    });
  }

  #notSigned(answer: Exclude<Signed, { kind: "signed" }>): VaultReply {
    if (answer.kind === "replaced") return errorReply("NOKEY", "another key signs for this address now");
    if (answer.kind === "malformed") return errorReply("SYNTAX", answer.detail);
    return answer.kind === "refused" ? errorReply("POLICY", answer.detail) : this.#noUse(answer);
  }

  /** PRV-15, PRV-29 */
  #noUse(answer: NoUse | Limited): ErrorReply {
    switch (answer.kind) {
      case "limited":
        return limitReply(answer.limit, answer.freeAt);
      case "suspended":
        return errorReply("DISABLED", "the account is suspended");
      case "locked":
        return errorReply("LOCKED", "the key opens by the account's own password only");
      case "ended":
        return noTicket;
      case "unavailable":
        return this.#failed(answer);
    }
  }

  #failed({ cause }: Pick<Unavailable, "cause">): ErrorReply {
    this.#options.onFailure(cause);
    return errorReply("TEMP", "try again later");
  }

  /** Logs what was refused before the keyring was asked (PRV-20). */
  async #refuse(
    reply: ErrorReply,
    details: Partial<AuditEntry> & { readonly action: string },
  ): Promise<ErrorReply> {
    const outcome = reply.code.toLowerCase();
    const at = this.#options.nowMs();
    await this.#options.audit.log(auditEntry({ ...details, at, actor: this.#actor, outcome }));
    return reply;
  }

  /** A responder never rejects. What is thrown here besides is a mistake of ours, and goes to the log as well. */
  async #guarded(ask: () => Promise<VaultReply>): Promise<VaultReply> {
    try {
      return await ask();
    } catch (error) {
      return this.#failed({ cause: error });
    }
  }
}

const noTicket = errorReply("TICKET", "no ticket of yours, or it has ended");
const notGranted = errorReply("POLICY", "neither owned nor granted, or out of scope");
