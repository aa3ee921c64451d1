import type { Keyring } from "../keyring/index.ts";
import type { Queue } from "../queue/index.ts";
import { KeyringSigner } from "../signing/index.ts";
import { SubmissionHandler } from "../submission/index.ts";
import type { Running, Shared } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from users: signs it with their accounts' keys and queues it. */
export function startSubmission(shared: Shared, queue: Queue, keyring: Keyring): Promise<Running> {
  const { config, log, watchers } = shared;
  const handler = new SubmissionHandler({
    hostname: config.hostname,
    keyring,
    signer: new KeyringSigner(keyring),
    queue,
    onEvent: (event) => {
      if (event.kind === "queued") log.info({ role: "submission", ...event }, "queued");
      else {
        const { cause, reply, ...rest } = event;
        log.info(
          {
            role: "submission",
            ...rest,
            code: reply.code,
            enhanced: reply.enhanced,
            err: cause ?? undefined,
          },
          "refused",
        );
      }
      watchers.onSubmission?.(event);
    },
  });
  return listenSmtp(shared, "submission", config.submission.listeners, { handler, requireAuth: true });
}
