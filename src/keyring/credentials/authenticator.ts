import { type KeyObject, randomUUID } from "node:crypto";
import { clientPrefix } from "../../dns/index.ts";
import { addressText, parseAddress } from "../../message/index.ts";
import { type SaslExchange, type SaslOutcome, type ScramCandidate, saslExchange } from "../../sasl/index.ts";
import { auditEntry } from "../audit/audit-entry.ts";
import type { AuditWriter } from "../audit/audit-writer.ts";
import { openDecoySecret } from "../decoy-secret.ts";
import type { KeyringStore } from "../keyring-store.ts";
import type { MasterKey } from "../master-key.ts";
import type { AccountRecord, CredentialRecord } from "../records.ts";
import type { User } from "../user.ts";
import { chooseCredential } from "./choose-credential.ts";
import { FailedLogins } from "./failed-logins.ts";
import { openKeyLock, openKeyLockByScram } from "./open-key-lock.ts";
import { PasswordChecker, type PasswordCheckerOptions } from "./password-checker.ts";
import { ScramVerifiers } from "./scram-credential.ts";
import type { TokenVerifier } from "./token-verifier.ts";

export interface AuthenticatorOptions {
  readonly store: Pick<KeyringStore, "credentials" | "owner">;
  readonly masterKey: MasterKey;
  /** `Keyring.decoySecret`; needed where the master key was replaced once. */
  readonly decoySecret?: Uint8Array;
  readonly audit: Pick<AuditWriter, "write">;
  readonly clock?: { now(): number };
  readonly passwords?: PasswordCheckerOptions;
  /** Checks access tokens; without it OAUTHBEARER is not offered. */
  readonly tokens?: TokenVerifier | null;
  /** Offers SCRAM-SHA-256: for accounts whose password was set while it was on. */
  readonly scram: boolean;
}

export interface AuthenticationContext {
  /** Where the user logs in, for the audit log: `ss:NAME`, `submission`. */
  readonly actor: string;
  /** The user's network address. */
  readonly client: string;
  /** tls-exporter value (RFC 9266) of the user's TLS session; null where it has none. */
  readonly channelBinding: Uint8Array | null;
  /** Who may log in there; others are like nobody, so that their passwords cannot be tried there (PRV-34). Default all. */
  readonly serves?: (account: AccountRecord) => boolean;
}

/** One attempt, as far as it has come. */
interface Attempt {
  readonly mechanism: string;
  readonly context: AuthenticationContext;
  /** The name in it as an address, canonical; null where it is none: what people type there can be a password. */
  readonly address: string | null;
  readonly account: AccountRecord | null;
  readonly credentials: readonly CredentialRecord[];
  /** There is an account, which is not served there. */
  readonly isElsewhere: boolean;
}

const rejected = { kind: "rejected" } as const;
const busy = { kind: "busy" } as const;

/**
 * Finds out who somebody is, by any of the SASL mechanisms (PRV-6, PRV-7), and logs it (PRV-20). What it tells does
 * not depend on what was wrong: the name, the password, or that the account has none.
 */
export class Authenticator {
  /** The strongest first. */
  readonly mechanisms: readonly string[];
  readonly #options: AuthenticatorOptions;
  readonly #clock: { now(): number };
  readonly #passwords: PasswordChecker<KeyObject | null>;
  readonly #failures: FailedLogins;
  readonly #verifiers: ScramVerifiers;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#passwords = new PasswordChecker(options.passwords);
    this.#failures = new FailedLogins(this.#clock);
    const { masterKey, decoySecret = openDecoySecret(null, masterKey) } = options;
    this.#verifiers = new ScramVerifiers(masterKey, decoySecret);
    this.mechanisms = [
      ...(options.scram ? ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] : []),
      ...(options.tokens ? ["OAUTHBEARER"] : []),
      "PLAIN",
      "LOGIN",
    ];
  }

  /**
   * @returns null for a mechanism that is not offered. The exchange rejects with a `KeyringStoreError` when the store
   * cannot answer
   */
  logIn(mechanism: string, context: AuthenticationContext): SaslExchange<User> | null {
    if (!this.mechanisms.includes(mechanism)) return null;
    return saslExchange<User>(mechanism, {
      channelBinding: context.channelBinding,
      backend: {
        password: async (given) => {
          const attempt = await this.#find(mechanism, context, given.authcid);
          return this.#checkPassword(attempt, given.password, given.authzid);
        },
        scram: async (given) => {
          const attempt = await this.#find(mechanism, context, given.authcid);
          return this.#checkScram(attempt, given.authcid, given.authzid);
        },
        token: (given) => this.#checkToken(mechanism, context, given.token, given.authzid),
      },
    });
  }

  async #find(mechanism: string, context: AuthenticationContext, name: string): Promise<Attempt> {
    const parsed = parseAddress(name);
    const address = parsed.ok ? addressText(parsed.address) : null;
    const found = address === null ? null : await this.#options.store.credentials(address);
    const isElsewhere = found !== null && context.serves?.(found.account) === false;
    const { account = null, credentials = [] } = isElsewhere ? {} : (found ?? {});
    return { mechanism, context, address, account, credentials, isElsewhere };
  }

  async #checkPassword(attempt: Attempt, password: string, authzid: string): Promise<SaslOutcome<User>> {
    const { account } = attempt;
    const tried = chooseCredential(attempt.credentials, password);
    const { credential } = tried;
    const stored = account && credential && { accountId: account.id, hash: credential.hash };
    const guess = `${stored?.hash ?? ""}\0${tried.prepared ?? password}`;
    const judgement = this.#failures.judge(attacked(attempt), guess);
    if (judgement === "wait") return busy;
    if (judgement === "known") return this.#reject(attempt, credential, "the same wrong password again");

    const { masterKey } = this.#options;
    const check = await this.#passwords.check(
      stored,
      tried.prepared,
      clientPrefix(attempt.context.client),
      async () =>
        account && credential
          ? openKeyLock(credential, password, { accountId: account.id, masterKey })
          : null,
    );
    // Asked again: of many attempts at once no more are examined than of those that come one after the other.
    if (check.kind === "busy" || this.#failures.judge(attacked(attempt), guess) === "wait") return busy;
    if (check.kind === "mismatch" || account === null || credential === null) {
      return this.#failed(attempt, guess, stored === null ? "no such login" : "wrong password");
    }
    return this.#admit(attempt, { account, credential, keyLock: check.opened, authzid });
  }

  async #checkScram(
    attempt: Attempt,
    name: string,
    authzid: string,
  ): Promise<ScramCandidate<User> | SaslOutcome<User>> {
    const guess = randomUUID(); // nobody can tell whether two wrong proofs come of one password
    if (this.#failures.judge(attacked(attempt), guess) === "wait") return busy;
    const { masterKey } = this.#options;
    const { account } = attempt;
    const credential = attempt.credentials.find(({ scram }) => scram !== null);
    const sealed = credential?.scram ?? null;
    const owned = account && sealed && { sealed, accountId: account.id };
    return {
      verifier: this.#verifiers.find(owned, attempt.address ?? name),
      conclude: async (proof) => {
        if (this.#failures.judge(attacked(attempt), guess) === "wait") return busy;
        if (proof.kind === "failed") return this.#failed(attempt, guess, PROOF_FAILURES[proof.reason]);
        if (account === null || credential === undefined) return rejected;
        const owner = { accountId: account.id, masterKey };
        const keyLock = await openKeyLockByScram(credential, proof.clientKey, owner);
        return this.#admit(attempt, { account, credential, keyLock, authzid });
      },
    };
  }

  async #checkToken(
    mechanism: string,
    context: AuthenticationContext,
    token: string,
    authzid: string,
  ): Promise<SaslOutcome<User>> {
    const verdict = await this.#options.tokens?.verify(token);
    const attempt = await this.#find(mechanism, context, verdict?.kind === "valid" ? verdict.name : "");
    switch (verdict?.kind) {
      case undefined:
        return rejected;
      case "invalid":
        return this.#reject(attempt, null, `the token is not valid: ${verdict.detail}`);
      case "unavailable":
        await this.#log(attempt, null, "unavailable", `the issuer's keys cannot be read: ${verdict.detail}`);
        return busy;
      case "valid": {
        const { account } = attempt;
        if (account === null) return this.#reject(attempt, null, "the token is for nobody here");
        if (account.keyLock !== null) {
          return this.#reject(
            attempt,
            null,
            "the account's keys open with a password only, not with a token",
          );
        }
        return this.#admit(attempt, { account, credential: null, keyLock: null, authzid });
      }
    }
  }

  /** Somebody proved who he is; may he in? */
  async #admit(
    attempt: Attempt,
    proved: {
      readonly account: AccountRecord;
      readonly credential: CredentialRecord | null;
      readonly keyLock: KeyObject | null;
      readonly authzid: string;
    },
  ): Promise<SaslOutcome<User>> {
    const { account, credential, keyLock } = proved;
    const { actor, client } = attempt.context;
    const endsAt = credential?.notAfter ?? null;
    if (endsAt !== null && endsAt * 1000 <= this.#clock.now()) {
      return this.#reject(attempt, credential, "the app password has ended");
    }
    if (account.state === "suspended") {
      await this.#log(attempt, credential, "suspended", null);
      return { kind: "suspended" };
    }
    if (!(await this.#mayActAs(account, proved.authzid))) {
      return this.#reject(attempt, credential, "wants to act as somebody else");
    }
    await this.#log(attempt, credential, "ok", null);
    return {
      kind: "accepted",
      user: {
        account,
        credential: credential && { id: credential.id, createdAt: credential.createdAt },
        asserted: false,
        addresses: credential?.addresses ?? null,
        keyLock,
        actor,
        client,
      },
    };
  }

  /** RFC 4616: acting as somebody else is not offered, naming oneself by another address is fine. */
  async #mayActAs(account: AccountRecord, authzid: string): Promise<boolean> {
    if (authzid === "") return true;
    const parsed = parseAddress(authzid);
    return parsed.ok && (await this.#options.store.owner(addressText(parsed.address)))?.id === account.id;
  }

  async #failed(attempt: Attempt, guess: string, reason: string): Promise<SaslOutcome<User>> {
    const last = this.#failures.add(attacked(attempt), guess);
    return this.#reject(
      attempt,
      null,
      last ? `${reason}; further attempts from its network must wait` : reason,
    );
  }

  async #reject(
    attempt: Attempt,
    credential: CredentialRecord | null,
    reason: string,
  ): Promise<SaslOutcome<User>> {
    await this.#log(attempt, credential, "rejected", reason);
    return rejected;
  }

  async #log(
    { mechanism, context, address, account, isElsewhere }: Attempt,
    credential: CredentialRecord | null,
    outcome: string,
    reason: string | null,
  ): Promise<void> {
    const appPassword = credential?.kind === "app-password" ? `app password ${credential.id}` : null;
    const elsewhere = isElsewhere ? "not in its scope" : null;
    const detail = [mechanism, appPassword, elsewhere, reason].filter((words) => words !== null).join(", ");
    const { actor, client } = context;
    const at = this.#clock.now();
    const id = account?.id ?? null;
    const used = outcome === "ok" && id !== null && credential !== null;
    await this.#options.audit.write({
      entry: auditEntry({
        at,
        actor,
        action: "auth",
        account: id,
        subject: address,
        client,
        outcome,
        detail,
      }),
      take: null,
      touch: used ? { accountId: id, credentialId: credential.id } : null,
    });
  }
}

const PROOF_FAILURES = {
  proof: "wrong password",
  "channel-binding": "its TLS session is not ours: somebody is in between",
  downgrade: "it was told that there is no channel binding: somebody is in between",
} as const;

/** What attempts are counted under: the account, or the name that nobody has, and the network they come from. */
function attacked({ account, address, context }: Attempt): string {
  return `${account?.id ?? address}\0${clientPrefix(context.client)}`;
}
