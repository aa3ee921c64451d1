import type { MxEvent } from "../mx/index.ts";
import type { Decision, Verified } from "../verification/index.ts";

/** What a line of the log says of a message that came by SMTP, whichever role took it. */
export function arrivalFields({
  id,
  session,
  envelope,
  message,
}: Pick<MxEvent, "id" | "session" | "envelope" | "message">): object {
  return {
    session: session.id,
    remote: session.remoteAddress,
    via: session.proxiedBy ?? undefined,
    ident: session.told?.ident ?? undefined,
    id,
    from: envelope.reversePath?.text ?? "",
    recipients: envelope.recipients.length,
    messageId: message.messageId,
    octets: message.octets,
  };
}

/** What it says of a message that was judged, and what was decided on it. */
export function judgedFields(
  { verdict, policy, stapled, neighbours }: Verified,
  { stage, decidedBy, because }: Decision,
): object {
  return {
    result: verdict.result,
    reason: verdict.reason,
    identity: verdict.identity,
    kid: verdict.kid,
    align: verdict.align,
    rcpt: verdict.rcpt,
    trust: verdict.trust,
    forwarder: verdict.forwarder ?? undefined,
    stapled,
    detail: verdict.detail,
    policy: policy.wanted,
    policyDomain: policy.domain ?? undefined,
    testing: policy.testing || undefined,
    ...(neighbours === null
      ? {}
      : { spf: neighbours.spf.result, dmarc: neighbours.dmarc.result, arc: neighbours.arc.result }),
    stage,
    decidedBy,
    because: because ?? undefined,
  };
}

/** What failed here is the operator's to mend; all else is what a log is for. */
export function levelOf(cause: unknown): "info" | "error" {
  return cause === null ? "info" : "error";
}
