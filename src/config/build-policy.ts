import type * as z from "zod";
import { canonicalLocalPart } from "./build-forwards.ts";
import type { Config } from "./config.ts";
import { policy as schema } from "./policy-schema.ts";
import type { DomainPolicySettings, PolicySettings, SenderRule } from "./policy-settings.ts";
import { formatPath, type Report } from "./problems.ts";
import type { SettingPath } from "./toml-lines.ts";

/** Senders wait 10 minutes for the reply to the content (RFC 5321 §4.5.3.2.6), and the message is queued too. */
const LONGEST_DEADLINE_MS = 5 * 60_000;

export function buildPolicy(written: z.infer<typeof schema>, report: Report): PolicySettings {
  const { deadline, tag } = written;
  if (deadline > LONGEST_DEADLINE_MS) {
    report(
      ["policy", "deadline"],
      "policy.deadline must be at most 5m: senders do not wait longer for an answer",
    );
  }
  return {
    stage: written.stage,
    actions: written.actions,
    senders: buildSenders(written.senders, ["policy", "senders"], report),
    announce: written.announce,
    deadlineMs: deadline,
    replays: written.replays,
    forgedBounces: written.forged_bounces,
    mismatch: written.mismatch,
    dmarcOverrides: written.dmarc_overrides,
    trusted: buildTrusted(written.trusted, report),
    tag: { subject: tag.subject ?? null, fields: buildFields(tag.fields, report) },
  };
}

/** What the neighbours say cannot count where they are not asked. */
export function checkNeighbours(
  { policy, neighbours }: Pick<Config, "policy" | "neighbours">,
  report: Report,
): void {
  if (neighbours.deadlineMs > LONGEST_DEADLINE_MS) {
    report(["neighbours", "deadline"], "neighbours.deadline must be at most 5m: senders do not wait longer");
  }
  if (neighbours.enabled) return;
  const asked = "needs neighbours.enabled = true";
  if (policy.dmarcOverrides) report(["policy", "dmarc_overrides"], `policy.dmarc_overrides ${asked}`);
  policy.trusted.forEach((source, index) => {
    for (const name of ["arc", "dkim"] as const) {
      const path = ["policy", "trusted", index, name];
      if (source[name].length > 0) report(path, `${formatPath(path)} ${asked}`);
    }
  });
}

export function buildDomainPolicy(
  written: Pick<z.infer<typeof schema>, "actions" | "senders"> & {
    readonly stage?: DomainPolicySettings["stage"] | undefined;
  },
  path: SettingPath,
  report: Report,
): DomainPolicySettings {
  return {
    stage: written.stage ?? null,
    actions: written.actions,
    senders: buildSenders(written.senders, [...path, "senders"], report),
  };
}

/** The most specific first: a domain itself, then what is below the longest. */
function buildSenders(
  written: z.infer<typeof schema>["senders"],
  path: SettingPath,
  report: Report,
): readonly SenderRule[] {
  const taken = new Set<string>();
  written.forEach(({ domain }, index) => {
    const at = [...path, index, "domain"];
    if (taken.has(domain)) report(at, `${formatPath(at)}: "${domain}" is there already; put both together`);
    taken.add(domain);
  });
  const below = ({ pattern }: SenderRule): number => (pattern.startsWith(".") ? 1 : 0);
  return written
    .map(({ domain, stage, actions }) => ({ pattern: domain, stage: stage ?? null, actions }))
    .sort((a, b) => below(a) - below(b) || b.pattern.length - a.pattern.length);
}

function buildTrusted(written: z.infer<typeof schema>["trusted"], report: Report): PolicySettings["trusted"] {
  const taken = new Set<string>();
  return written.map(({ name, client, arc, dkim, forwarder }, index) => {
    const path = ["policy", "trusted", index];
    if (taken.has(name)) report([...path, "name"], `${formatPath([...path, "name"])} is there already`);
    taken.add(name);
    if (client.length + arc.length + dkim.length + forwarder.length === 0) {
      report(path, `${formatPath(path)} says not whom to trust; set client, arc, dkim or forwarder`);
    }
    return { name, clients: client, arc, dkim, forwarders: forwarder.map(canonicalLocalPart) };
  });
}

function buildFields(
  written: Readonly<Record<string, string>>,
  report: Report,
): PolicySettings["tag"]["fields"] {
  return Object.entries(written).map(([name, value]) => {
    // Nothing that is signed, or that anybody reads for what it is not; and arriving ones of that name are deleted.
    if (!/^X-(?!VSMTP-)[!-9;-~]{1,60}$/i.test(name)) {
      const path = ["policy", "tag", "fields", name];
      report(path, `${formatPath(path)} must be a field name that begins with "X-" and not with "X-VSMTP-"`);
    }
    return { name, value };
  });
}

/** What applies where nothing is set. */
export const defaultPolicy: PolicySettings = buildPolicy(schema.parse({}), () => {});
