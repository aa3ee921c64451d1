import type { KeyLookup, StapleKeySource } from "../key-lookup/index.ts";
import { type MxEvent, MxHandler } from "../mx/index.ts";
import { Verification } from "../verification/index.ts";
import { openKeyLookup } from "./key-lookup.ts";
import { receivedEntry } from "./mail-log-entries.ts";
import { mailboxAnswers, postmasterOf } from "./mailboxes.ts";
import type { MailStore, Running, Shared, Watchers } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from other servers: verifies it inside the session, acts, queues. It loads no private key. */
export async function startMx(shared: Shared, { queue, spool }: MailStore): Promise<Running> {
  const { config, log, watchers } = shared;
  const keys = openKeyLookup(shared);
  const policies = shared.memories.policies();
  const handler = new MxHandler({
    hostname: config.hostname,
    postmaster: postmasterOf(config),
    mailbox: mailboxAnswers(config),
    verification: new Verification({
      keys: watched(keys, watchers),
      policies,
      deadlineMs: config.policy.deadlineMs,
    }),
    policy: config.policy,
    queue,
    spool,
    onEvent: (event) => {
      log.info({ role: "mx", ...logFields(event) }, event.decision.action);
      shared.mailLog.log.received(receivedEntry(event));
      watchers.onMx?.(event);
    },
    onRefused: ({ session, reply: { code, enhanced }, cause }) => {
      const level = cause === null ? "info" : "error";
      const seen = { session: session.id, remote: session.remoteAddress, code, enhanced };
      log[level]({ role: "mx", ...seen, err: cause ?? undefined }, "refused");
    },
  });
  const { onWire } = watchers;
  const running = await listenSmtp(shared, "mx", config.mx.listeners, {
    handler,
    // ACT-7; a domain with a stage of its own does not show.
    extensions: config.policy.announce ? [`VSMTP ${config.policy.stage}`] : [],
    ...(onWire ? { transcript: (session, line) => onWire("mx", session.id, line) } : {}),
  });
  return {
    places: running.places,
    stop: async () => {
      await running.stop();
      keys.close();
    },
  };
}

function watched(keys: KeyLookup, { onLookup }: Watchers): StapleKeySource {
  if (!onLookup) return keys;
  return {
    lookUp: async (query) => {
      const report = await keys.explain(query);
      onLookup(query, report);
      return report.answer;
    },
  };
}

function logFields({
  session,
  envelope,
  verdict,
  stapled,
  decision,
  reply,
  queuedAs,
  cause,
}: MxEvent): object {
  return {
    session: session.id,
    remote: session.remoteAddress,
    from: envelope.reversePath?.text ?? "",
    recipients: envelope.recipients.length,
    result: verdict.result,
    reason: verdict.reason,
    identity: verdict.identity,
    kid: verdict.kid,
    align: verdict.align,
    rcpt: verdict.rcpt,
    stapled,
    detail: verdict.detail,
    decidedBy: decision.decidedBy,
    code: reply.code,
    queuedAs,
    err: cause ?? undefined,
  };
}
