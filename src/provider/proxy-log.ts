import type { NextHop, ProxySettings } from "../config/index.ts";
import type { MailLog, ReceivedEntry, SubmittedEntry } from "../mail-log/index.ts";
import type { Findings, PassedEvent, ProxyEvent } from "../proxy/index.ts";
import type { Failure } from "../smtp/index.ts";
import type { Log } from "./log.ts";
import { arrivalFields, judgedFields, levelOf } from "./log-fields.ts";
import { arrivalEntry, judgementWords } from "./mail-log-entries.ts";

const role = "proxy";

/** What a proxy passed on and what not: a line for each message, with the next hop's answer, and the mail log. */
export class ProxyLog {
  readonly #log: Log;
  readonly #mailLog: MailLog;

  constructor(log: Log, mailLog: MailLog) {
    this.#log = log;
    this.#mailLog = mailLog;
  }

  note(job: ProxySettings["job"], event: ProxyEvent): void {
    switch (event.kind) {
      case "message":
        this.#message(job, event);
        break;
      case "login": {
        const { kind, cause, ...fields } = event;
        this.#log[levelOf(cause)]({ role, job, ...fields, err: cause ?? undefined }, kind);
        break;
      }
      case "refused": {
        const { session, reply, cause, nextHopAway } = event;
        const { code, enhanced, text } = reply;
        const seen = { role, job, session: session.id, remote: session.remoteAddress, code, enhanced };
        if (nextHopAway) this.#log.warn({ ...seen, because: text }, "the next hop cannot be talked to");
        else this.#log[levelOf(cause)]({ ...seen, err: cause ?? undefined }, "refused");
      }
    }
  }

  nextHopAway(job: ProxySettings["job"], { place }: NextHop, { enhanced, text }: Failure): void {
    const nextHop = place.kind === "unix" ? place.path : `${place.host}:${place.port}`;
    this.#log.warn({ role, job, nextHop, enhanced, because: text }, "the next hop cannot be talked to");
  }

  #message(job: ProxySettings["job"], event: PassedEvent): void {
    const { findings, passed, reply, cause, took } = event;
    const [first] = passed;
    const line = {
      role,
      job,
      ...arrivalFields(event),
      ...(findings === null ? {} : fieldsOf(findings)),
      copies: passed.length,
      nextHop: first && `${first.code ?? ""} ${first.text}`.trim(),
      code: reply.code,
      ...(findings?.kind === "verified" || reply.code < 300 ? {} : { because: reply.text }),
      took,
      err: cause ?? undefined,
    };
    this.#log[levelOf(cause)](line, messageOf(event));
    if (findings?.kind === "verified") this.#mailLog.received(receivedEntry(event, findings));
    if (findings?.kind === "signed" && passed.length > 0)
      this.#mailLog.submitted(submittedEntry(event, findings));
    const at = Date.now();
    for (const { id, recipients, outcome, code, enhanced, text } of passed) {
      const detail = [code, enhanced, text].filter((word) => word !== null).join(" ");
      for (const recipient of recipients) this.#mailLog.delivered({ id, at, recipient, outcome, detail });
    }
  }
}

function messageOf({ findings, passed, reply }: PassedEvent): string {
  if (findings?.kind === "verified" && passed.length === 0) return findings.decision.action;
  if (reply.code >= 300) return passed.length === 0 ? "refused" : "not passed on";
  switch (findings?.kind) {
    case "verified":
      return findings.decision.action;
    case "signed":
      return "signed";
    case "unsigned":
      return "passed unsigned: no account";
    default:
      return "passed on before";
  }
}

function fieldsOf(findings: Findings): object {
  switch (findings.kind) {
    case "signed": {
      const { account, identity, kids, messageIdHash } = findings;
      return { account, identity, kids, messageIdHash };
    }
    case "unsigned":
      return { user: findings.name };
    case "verified":
      return {
        ...judgedFields(findings, findings.decision),
        repeated: findings.repeated || undefined,
      };
  }
}

type Of<Kind extends Findings["kind"]> = Extract<Findings, { readonly kind: Kind }>;

function receivedEntry(event: PassedEvent, findings: Of<"verified">): ReceivedEntry {
  const { message, took } = event;
  return {
    ...arrivalEntry(event),
    ...judgementWords(message, findings, findings.decision),
    repeated: findings.repeated,
    took: { receiving: took.receiving, verifying: took.working, queueing: took.relaying },
  };
}

function submittedEntry(event: PassedEvent, findings: Of<"signed">): SubmittedEntry {
  const { session, message, passed } = event;
  const { account, identity, kids, messageIdHash } = findings;
  return {
    id: event.id,
    at: event.receivedAt,
    session: session.id,
    client: session.remoteAddress,
    account,
    identity,
    kids,
    messageIdHash,
    recipients: passed.flatMap(({ recipients }) => recipients),
    octets: message.octets,
    copies: passed.map(({ id }) => id),
  };
}
