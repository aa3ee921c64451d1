import { MxHandler } from "../mx/index.ts";
import { receivedEntry } from "./mail-log-entries.ts";
import { mailboxAnswers, postmasterOf } from "./mailboxes.ts";
import { MxLog } from "./mx-log.ts";
import { openVerification } from "./open-verification.ts";
import type { MailStore, Running, Shared } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from other servers: verifies it inside the session, acts, queues. It loads no private key. */
export async function startMx(shared: Shared, { queue, spool }: MailStore): Promise<Running> {
  const { config, watchers } = shared;
  const log = new MxLog(shared.log);
  const { verification, bounces, close } = await openVerification(shared);
  const handler = new MxHandler({
    hostname: config.hostname,
    otherHosts: config.mx.otherHosts,
    postmaster: postmasterOf(config),
    mailbox: mailboxAnswers(config),
    verification,
    bounces,
    policy: config.policy,
    quarantine: config.quarantine,
    queue,
    spool,
    onEvent: (event) => {
      log.note(event);
      shared.mailLog.log.received(receivedEntry(event));
      watchers.onMx?.(event);
    },
    onRefused: (refusal) => log.refused(refusal),
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
      close();
    },
  };
}
