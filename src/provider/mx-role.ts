import type { KeyLookup, StapleKeySource } from "../key-lookup/index.ts";
import { MxHandler } from "../mx/index.ts";
import { BounceCheck, Verification } from "../verification/index.ts";
import { openKeyLookup } from "./key-lookup.ts";
import { receivedEntry } from "./mail-log-entries.ts";
import { mailboxAnswers, postmasterOf } from "./mailboxes.ts";
import { MxLog } from "./mx-log.ts";
import { openNeighbours } from "./neighbours.ts";
import type { MailStore, Running, Shared, Watchers } from "./role.ts";
import { listenSmtp } from "./smtp-listeners.ts";

/** Takes mail from other servers: verifies it inside the session, acts, queues. It loads no private key. */
export async function startMx(shared: Shared, { queue, spool }: MailStore): Promise<Running> {
  const { config, watchers } = shared;
  const { deadlineMs } = config.policy;
  const log = new MxLog(shared.log);
  const keys = openKeyLookup(shared);
  const policies = shared.memories.policies();
  const checksBounces = config.policy.forgedBounces === "reject";
  const handler = new MxHandler({
    hostname: config.hostname,
    otherHosts: config.mx.otherHosts,
    postmaster: postmasterOf(config),
    mailbox: mailboxAnswers(config),
    verification: new Verification({
      keys: watched(keys, watchers),
      policies,
      neighbours: await openNeighbours(shared),
      deadlineMs,
    }),
    bounces: checksBounces ? new BounceCheck({ keys, policies, deadlineMs }) : null,
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
