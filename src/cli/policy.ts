import type { Command } from "commander";
import { type DomainSettings, Rulebook, TrustedSources } from "../border/index.ts";
import type { Config } from "../config/index.ts";
import { dnsPolicySource, type PolicyAnswer } from "../dns/index.ts";
import { type Address, addressText, canonicalDomain, parseAddress } from "../message/index.ts";
import { mailboxAnswers, openNetwork } from "../provider/index.ts";
import type { Reason, Result } from "../signature/index.ts";
import { type Decision, decideAction } from "../verification/index.ts";
import { explain } from "./administration/explain.ts";
import { Printer } from "./administration/printer.ts";
import type { Column } from "./administration/table.ts";
import { addressArgument, ipArgument } from "./arguments.ts";
import { addConfigOption, readConfig } from "./configuration.ts";
import { EXIT } from "./exit-status.ts";
import { UsageError } from "./usage-error.ts";
import { VERDICTS } from "./verdicts.ts";

interface Options {
  readonly config?: string;
  readonly client?: string;
  readonly json?: boolean;
}

interface Row {
  readonly result: Result;
  readonly reason: Reason | null;
  readonly decision: Decision;
}

const fields = {
  result: "of verifying",
  reason: "of the result; null for pass",
  action: "deliver, tag, quarantine, discard, reject or defer",
  code: "the SMTP answer where the message is not taken; null where it is",
  enhanced: "its enhanced code; null where the message is taken",
  stage: "observe, enforce or require: which counts for this mail",
  decided_by: "stage, override, policy or trusted",
  because:
    "the setting, the domain whose policy it is, or the trusted source; null for the stage of all mail",
};

/** `vsmtp policy FROM TO`: what the settings, and the From domain's policy, do with each verdict. */
export function define(command: Command, done: (status: number) => void): void {
  explain(
    addConfigOption(
      command
        .argument("FROM", "the From address, or its domain")
        .argument("TO", "a recipient of ours", addressArgument),
    )
      .option("--client ADDRESS", "the IP address of the host that brings it: is it trusted?", ipArgument)
      .option("--json", "one JSON object a line, for each verdict"),
    {
      about: [
        "Tells what this host would do with mail, verdict by verdict, and which setting decides; for settings that are to be tried before they count, too. The From domain's policy record is looked up in the DNS.",
        "Trusted lists that are known by DKIM or ARC, repeats and forged bounces show in real mail only: see the log.",
      ],
      examples: [
        ["vsmtp policy someisp.example bob@example.org", "what becomes of mail From that domain to bob"],
        ["vsmtp policy --config new.toml alice@someisp.example bob@example.org", "under other settings"],
        [
          "vsmtp policy --client 192.0.2.7 someisp.example bob@example.org",
          "when a certain forwarder or list brings it",
        ],
      ],
      json: fields,
    },
  ).action(async (from: string, to: Address, options: Options) => {
    const config = readConfig(options.config);
    const domain = domainOf(from);
    const settings = settingsFor(config, to);
    const published = await dnsPolicySource(openNetwork(config.network).resolver).policyFor(domain);
    const rows = decisions(config, settings, domain, published, options.client ?? null);
    const { json = false } = options;
    if (!json) process.stdout.write(`${introduction(domain, to, published, rows)}\n\n`);
    const printer = new Printer<keyof typeof fields>(json);
    await printer.printAll(rows, { json: rowObject, columns, nothing: "" });
    done(published.kind === "failure" ? EXIT.temporary : EXIT.ok);
  });
}

function domainOf(from: string): string {
  const address = parseAddress(from);
  const domain = address.ok ? address.address.domain : canonicalDomain(from);
  if (domain === null) throw new UsageError(`"${from}" is neither an address nor a domain`);
  return domain;
}

function settingsFor(config: Config, { localPart, domain }: Address): DomainSettings {
  const answer = mailboxAnswers(config)(localPart, domain);
  if (answer.kind === "accepted") return answer.settings;
  const known = config.domains.map(({ name }) => name).join(", ") || "none";
  if (answer.kind === "not-hosted")
    throw new UsageError(`${domain} is no domain of these settings; they have ${known}`);
  throw new UsageError(`${addressText({ localPart, domain })} has no mailbox here: such mail is refused`);
}

function decisions(
  { policy }: Config,
  settings: DomainSettings,
  domain: string,
  published: PolicyAnswer,
  client: string | null,
): Row[] {
  const rules = new Rulebook(policy).rulesFor(settings, () => [domain], false);
  const trusted = new TrustedSources(policy.trusted);
  const wanted = published.kind === "policy" && !published.testing ? published.policy : "none";
  return VERDICTS.map(([result, reason]) => {
    const decision = decideAction(
      { result, reason, rcpt: null },
      {
        rules,
        policy: { wanted, domain: published.kind === "policy" ? published.publishedAt : null },
        trusted:
          client === null || settings.excusesNobody
            ? null
            : trusted.nameOf(client, { verdict: { forwarder: null }, neighbours: null }),
        dmarc: null,
        mismatch: policy.mismatch,
        repeated: false,
        replays: policy.replays,
        forgedBounce: false,
      },
    );
    return { result, reason, decision };
  });
}

function introduction(domain: string, to: Address, published: PolicyAnswer, rows: readonly Row[]): string {
  const stage = rows[0]?.decision.stage;
  return `Mail From ${domain} to ${addressText(to)}, stage ${stage}. ${policyText(domain, published)}`;
}

function policyText(domain: string, published: PolicyAnswer): string {
  if (published.kind === "none") return `${domain} publishes no policy.`;
  if (published.kind === "failure") {
    return `Its policy cannot be looked up now: signed mail that depends on it is answered 451. Below, as if there were none.`;
  }
  const { policy, testing, publishedAt } = published;
  const where = publishedAt === domain ? "" : ` for what is below it`;
  const only = testing ? ", and only tests it: it does not count" : "";
  return `${publishedAt} wants p=${policy}${where}${only}.`;
}

function rowObject({ result, reason, decision }: Row): Record<keyof typeof fields, unknown> {
  const { action, reply, stage, decidedBy, because } = decision;
  return {
    result,
    reason,
    action,
    code: reply?.code ?? null,
    enhanced: reply?.enhanced ?? null,
    stage,
    decided_by: decidedBy,
    because,
  };
}

const columns: Column<Row>[] = [
  { heading: "RESULT", cell: ({ result }) => result },
  { heading: "REASON", cell: ({ reason }) => reason ?? "–" },
  { heading: "ACTION", cell: ({ decision }) => decision.action },
  {
    heading: "ANSWER",
    cell: ({ decision: { reply } }) => (reply ? `${reply.code} ${reply.enhanced}` : "250"),
  },
  { heading: "WHY", cell: ({ decision }) => why(decision), yields: true },
];

function why({ decidedBy, because, stage }: Decision): string {
  if (decidedBy === "stage") return because ?? `stage ${stage}`;
  if (decidedBy === "policy") return `policy of ${because}`;
  return decidedBy === "trusted" ? `trusted: ${because}` : `${because}`;
}
