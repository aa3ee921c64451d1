import type { MxEvent, MxRefusal } from "../mx/index.ts";
import type { Log } from "./log.ts";

const role = "mx";

/** What the MX does, as lines of the log: each names what was done, and has why. */
export class MxLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  note(event: MxEvent): void {
    const { decision, cause } = event;
    this.#log[cause === null ? "info" : "error"]({ role, ...fieldsOf(event) }, decision.action);
  }

  refused({ session, reply: { code, enhanced }, cause }: MxRefusal): void {
    const seen = { session: session.id, remote: session.remoteAddress, code, enhanced };
    this.#log[cause === null ? "info" : "error"]({ role, ...seen, err: cause ?? undefined }, "refused");
  }
}

function fieldsOf(event: MxEvent): object {
  const { session, envelope, verdict, policy, neighbours, decision, took } = event;
  return {
    session: session.id,
    remote: session.remoteAddress,
    via: session.proxiedBy ?? undefined,
    ident: session.told?.ident ?? undefined,
    id: event.id,
    from: envelope.reversePath?.text ?? "",
    recipients: envelope.recipients.length,
    messageId: event.message.messageId,
    octets: event.message.octets,
    result: verdict.result,
    reason: verdict.reason,
    identity: verdict.identity,
    kid: verdict.kid,
    align: verdict.align,
    rcpt: verdict.rcpt,
    trust: verdict.trust,
    forwarder: verdict.forwarder ?? undefined,
    stapled: event.stapled,
    detail: verdict.detail,
    policy: policy.wanted,
    policyDomain: policy.domain ?? undefined,
    testing: policy.testing || undefined,
    ...(neighbours === null
      ? {}
      : { spf: neighbours.spf.result, dmarc: neighbours.dmarc.result, arc: neighbours.arc.result }),
    stage: decision.stage,
    decidedBy: decision.decidedBy,
    because: decision.because ?? undefined,
    repeated: event.repeated || undefined,
    code: event.reply.code,
    queuedAs: event.queuedAs,
    took,
    err: event.cause ?? undefined,
  };
}
