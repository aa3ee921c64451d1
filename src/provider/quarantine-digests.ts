import type { Config } from "../config/index.ts";
import type { ReportSigner } from "../delivery/index.ts";
import { QuarantineDigests } from "../digest/index.ts";
import { type Queue, QueueStoreError } from "../queue/index.ts";
import { REASON_TEXT } from "../verification/index.ts";
import { readersOf } from "./mailboxes.ts";
import type { Shared } from "./role.ts";

/** A day's digests are due when it is over; that is looked for so long after the start, and then so often. */
const firstLookMs = 60_000;
const lookMs = 10 * 60_000;
const dayMs = 86_400_000;

/** Tells recipients once a day what is kept from them, where the settings want it. @returns how to end it */
export function startQuarantineDigests(
  { config, log }: Pick<Shared, "config" | "log">,
  queue: Queue,
  signer: ReportSigner,
): () => Promise<void> {
  if (config.quarantine.digest === "never") return async () => {};
  const ending = new AbortController();
  const digests = digestsOf(config, queue, signer);
  let sentDay = -1;
  let sending: Promise<void> = Promise.resolve();
  const send = async (): Promise<void> => {
    const day = Math.floor(Date.now() / dayMs);
    if (day === sentDay) return;
    try {
      const { sent, complete } = await digests.send(ending.signal);
      if (complete) sentDay = day;
      if (sent > 0) log.info({ role: "delivery", sent }, "digests");
    } catch (error) {
      if (!(error instanceof QueueStoreError)) throw error;
      log.warn({ role: "delivery", err: error }, "digests cannot be sent now");
    }
  };
  const look = (): void => {
    sending = sending.then(send);
    timer = setTimeout(look, lookMs);
  };
  let timer = setTimeout(look, firstLookMs);
  return async () => {
    clearTimeout(timer);
    ending.abort();
    await sending;
  };
}

function digestsOf(config: Config, queue: Queue, signer: ReportSigner): QuarantineDigests {
  return new QuarantineDigests({
    queue,
    signer: { sign: (order) => signer.sign({ ...order, requireTls: false, overdue: false }) },
    hostname: config.hostname,
    isRead: readersOf(config),
    reasonText: (reason) => (REASON_TEXT as Readonly<Record<string, string>>)[reason] ?? reason,
  });
}
