import type { FilterEvent, PassedUnsigned, SignedOutgoing, VerifiedIncoming } from "../filter/index.ts";
import type { MailLog } from "../mail-log/index.ts";
import { addressText } from "../message/index.ts";
import type { MilterEvent, MilterTransaction } from "../milter/index.ts";
import type { Log } from "./log.ts";
import { judgedFields, levelOf } from "./log-fields.ts";
import { judgementWords } from "./mail-log-entries.ts";

const role = "milter";

/** What a milter told its mail server: a line for each message, under the mail server's name for it, and the mail log. */
export class MilterLog {
  readonly #log: Log;
  readonly #mailLog: MailLog;

  constructor(log: Log, mailLog: MailLog) {
    this.#log = log;
    this.#mailLog = mailLog;
  }

  note(event: FilterEvent): void {
    const { id, transaction, queueId } = event;
    const seen = {
      role,
      id,
      queueId,
      session: transaction.connection.id,
      remote: transaction.connection.address ?? "",
      from: transaction.sender.address,
      recipients: transaction.recipients.length,
    };
    switch (event.kind) {
      case "signed": {
        const { proof, account, identity, kids, messageIdHash, octets, isConverted, signingMs } = event;
        const fields = { proof, account, identity, kids, messageIdHash, octets, signingMs };
        this.#log.info({ ...seen, ...fields, converted: isConverted || undefined }, "signed");
        this.#mailLog.submitted(submittedEntry(event));
        break;
      }
      case "verified":
        this.#log.info({ ...seen, ...verifiedFields(event) }, event.decision.action);
        this.#mailLog.received(receivedEntry(event));
        break;
      case "unsigned":
        // Not a warning for each: that is how an operator wants it while accounts are being made.
        this.#log.info({ ...seen, ...unsignedFields(event) }, unsignedWords(event));
        break;
      case "refused": {
        const { proof, name: user, reply, cause } = event;
        const { code, enhanced } = reply;
        const fields = { proof, user, code, enhanced, because: reply.text, err: cause ?? undefined };
        this.#log[levelOf(cause)]({ ...seen, ...fields }, "refused");
        break;
      }
      case "macros-missing":
        this.#log.warn(
          seen,
          "the mail server tells no macros: nobody is known as its user, nothing is signed",
        );
        break;
      case "unjudged": {
        const { reply, cause } = event;
        const code = reply?.code;
        const done = reply === null ? "passed without a verdict" : "refused";
        this.#log[levelOf(cause)]({ ...seen, code, err: cause ?? undefined }, done);
      }
    }
  }

  /** Of the mail servers themselves. */
  connection(event: MilterEvent): void {
    const { kind, ...rest } = event;
    const { connection, cause, ...fields } = { connection: null, cause: undefined, ...rest };
    const session = connection === null ? {} : { session: connection.id, remote: connection.address ?? "" };
    this.#log[LEVELS[kind]]({ role, ...session, ...fields, err: cause }, kind);
  }
}

const LEVELS: Record<MilterEvent["kind"], "debug" | "info" | "warn" | "error"> = {
  refused: "warn",
  broken: "warn",
  abandoned: "info",
  "message-refused": "info",
  "handler-failed": "error",
  "handler-timeout": "error",
  "listener-failed": "error",
};

/** As which address an account was looked for shows a wrong `login_domain`. */
function unsignedFields({ proof, name, account }: PassedUnsigned): object {
  return { proof, user: name, address: account && addressText(account) };
}

function unsignedWords({ account }: PassedUnsigned): string {
  return `passed unsigned: ${account === null ? "the settings name no account for it" : "no account"}`;
}

function verifiedFields(event: VerifiedIncoming): object {
  const { message, decision, reply, took } = event;
  const { messageId, octets } = message;
  return { messageId, octets, ...judgedFields(event, decision), code: reply?.code, took };
}

/** The session that `vsmtp log show` tells is the mail server's queue id: so its log is found from ours. */
function sessionOf({ connection }: MilterTransaction, queueId: string): string {
  return queueId === "" ? connection.id : queueId;
}

function submittedEntry(event: SignedOutgoing): Parameters<MailLog["submitted"]>[0] {
  const { id, transaction, queueId, at, account, identity, kids, messageIdHash, octets } = event;
  return {
    id,
    at,
    session: sessionOf(transaction, queueId),
    client: transaction.connection.address ?? "",
    account,
    identity,
    kids,
    messageIdHash,
    copies: [id],
    recipients: transaction.recipients.map(({ address }) => address),
    octets,
  };
}

function receivedEntry(event: VerifiedIncoming): Parameters<MailLog["received"]>[0] {
  const { id, transaction, queueId, at, message, decision, reply, took } = event;
  const { connection, sender, recipients } = transaction;
  return {
    id,
    at,
    session: sessionOf(transaction, queueId),
    client: connection.address ?? "",
    helo: connection.helo ?? "",
    reversePath: sender.address,
    recipients: recipients.map(({ address }) => address),
    ...judgementWords(message, event, decision),
    repeated: false,
    code: reply?.code ?? 250,
    enhanced: reply?.enhanced ?? "2.0.0",
    took: { ...took, queueing: null },
  };
}
