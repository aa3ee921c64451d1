import * as z from "zod";
import { outcomes } from "./actions.ts";
import {
  domainPattern,
  durationMs,
  fieldValue,
  mailAddress,
  networkOrAddress,
  ruleName,
  subjectPrefix,
} from "./values.ts";

// How operators write what is done with mail that comes in; see schema.ts.

const stage = z.enum(["observe", "enforce", "require"]);
const action = z.enum(["deliver", "tag", "quarantine", "discard", "reject", "defer"]);
const actions = z
  .strictObject(Object.fromEntries(outcomes.map((outcome) => [outcome, action.optional()])))
  .prefault({});

const senders = z
  .array(z.strictObject({ domain: domainPattern, stage: stage.optional(), actions }))
  .default([]);

/** In [[domains]]: what differs for mail to one domain. */
export const domainPolicy = { stage: stage.optional(), actions, senders };

const trusted = z.strictObject({
  name: ruleName,
  client: z.array(networkOrAddress).default([]),
  arc: z.array(domainPattern).default([]),
  dkim: z.array(domainPattern).default([]),
  forwarder: z.array(mailAddress).default([]),
});

const tag = z.strictObject({
  subject: subjectPrefix.optional(),
  fields: z.record(z.string(), fieldValue).default({}),
});

export const policy = z
  .strictObject({
    stage: stage.default("enforce"),
    actions,
    senders,
    announce: z.boolean().default(true),
    deadline: durationMs.default(60_000),
    replays: z.enum(["drop", "tag", "accept"]).default("drop"),
    forged_bounces: z.enum(["accept", "reject"]).default("accept"),
    mismatch: z.enum(["deliver", "tag", "quarantine"]).default("deliver"),
    dmarc_overrides: z.boolean().default(false),
    trusted: z.array(trusted).default([]),
    tag: tag.prefault({}),
  })
  .prefault({});
