import type { Queue } from "../queue/index.ts";
import type { Vault } from "../signing/index.ts";
import { type SubmissionEvent, SubmissionHandler } from "../submission/index.ts";
import type { Running, Shared } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from users: has it signed with their accounts' keys and queues it. */
export function startSubmission(shared: Shared, queue: Queue, vault: Vault): Promise<Running> {
  const { config, log, watchers } = shared;
  const handler = new SubmissionHandler({
    hostname: config.hostname,
    vault,
    queue,
    staple: config.submission.staple,
    onEvent: (event) => {
      logEvent(log, event);
      watchers.onSubmission?.(event);
    },
  });
  return listenSmtp(shared, "submission", config.submission.listeners, { handler, requireAuth: true });
}

function logEvent(log: Shared["log"], event: SubmissionEvent): void {
  const role = "submission";
  if (event.kind === "queued") {
    log.info({ role, ...event }, event.kind);
    return;
  }
  const { kind, cause, ...rest } = event;
  const err = cause ?? undefined;
  if (!("reply" in rest)) log.error({ role, ...rest, err }, kind);
  else {
    const { reply, ...others } = rest;
    log.info({ role, ...others, code: reply.code, enhanced: reply.enhanced, err }, kind);
  }
}
