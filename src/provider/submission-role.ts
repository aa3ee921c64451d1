import type { DkimSigners, Vault } from "../signing/index.ts";
import { type SubmissionEvent, SubmissionHandler } from "../submission/index.ts";
import { openKeyLookupLater } from "./key-lookup.ts";
import { levelOf } from "./log-fields.ts";
import { logSubmission } from "./mail-log-entries.ts";
import type { MailStore, Running, Shared } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from users: has it signed with their accounts' keys and queues it. */
export async function startSubmission(
  shared: Shared,
  { queue, spool }: MailStore,
  vault: Vault,
  dkim: DkimSigners,
): Promise<Running> {
  const { config, log, watchers } = shared;
  const { staple, eightBit, logins } = config.submission;
  const keys = openKeyLookupLater(shared);
  const handler = new SubmissionHandler({
    hostname: config.hostname,
    otherHosts: config.mx.otherHosts,
    vault,
    logins,
    queue,
    spool,
    staple,
    eightBit,
    dkim,
    keys,
    onEvent: (event) => {
      logEvent(log, event);
      logSubmission(shared.mailLog.log, event);
      watchers.onSubmission?.(event);
    },
  });
  const running = await listenSmtp(shared, "submission", config.submission.listeners, {
    handler,
    requireAuth: true,
  });
  return {
    places: running.places,
    stop: async () => {
      await running.stop();
      keys.close();
    },
  };
}

function logEvent(log: Shared["log"], event: SubmissionEvent): void {
  const { kind, ...rest } = event;
  const { cause, reply, recipients, ...fields } = { cause: null, reply: null, recipients: null, ...rest };
  const said = reply && { code: reply.code, enhanced: reply.enhanced };
  log[levelOf(cause)]({ role: "submission", ...fields, ...said, err: cause ?? undefined }, kind);
}
