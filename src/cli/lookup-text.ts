import { type PolicyAnswer, type PolicyRecord, parsePolicyRecord } from "../dns/index.ts";
import { describeStep, type LookupReport, type TrailStep } from "../key-lookup/index.ts";
import { parseStatement } from "../key-protocol/index.ts";
import { encodeAddress } from "../message/index.ts";
import { keyId } from "../signature/index.ts";
import type { DomainMemory, Lookup } from "./lookup-object.ts";

/** What a server that hides who has an account makes up looks like a key, and is one (KEY-34). */
const DECOY = "; asked without KID: it may be a decoy";
/** Changes of `dk` and `ep` are heard of no sooner (CCH-10). */
const LONGEST_TTL_S = 300;

/** A lookup as people read it: the way there in order, what was found, what it is worth, and last the answer in a line. */
export function lookupText(lookup: Lookup): string {
  const { identity, kid, report, unsigned } = lookup;
  const { trail, statement } = report;
  const lines = [`${encodeAddress(identity)}${kid === null ? ", any key" : `, key ${kid}`}`];
  let targets = 0;
  let section: "policy" | "servers" | "target" = "policy";
  for (const step of trail) {
    if (section === "policy" && (step.kind === "dns" || step.kind === "hosts")) {
      section = "servers";
      lines.push("", "Key servers");
    }
    if (step.kind === "target") {
      section = "target";
      lines.push("", `${++targets}. ${step.target}`);
    } else if (step.kind === "policy") {
      lines.push("", "Policy record", ...policyLines(step, unsigned, lookup));
    } else lines.push(...stepLines(step));
  }
  if (statement !== null) lines.push("", "Statement", ...statementLines(statement, trail));
  return [...lines, "", answerLine(report, kid), ...reasonLines(report)].join("\n");
}

const SOURCES = {
  mx: "the MX hosts",
  address: "no MX, so the domain itself",
  srv: "as its service record says",
  sub: "the name that ks=sub means",
  fallback: "nobody took a connection, so the name that every domain may use",
} as const;

function stepLines(step: Exclude<TrailStep, { kind: "policy" | "target" }>): string[] {
  switch (step.kind) {
    case "hosts":
      return hostLines(step);
    case "addresses":
      return refusedLines(step);
    case "connecting":
      return [`   to ${step.address}`];
    case "connection":
      return step.kept ? ["   over the connection that is open"] : [];
    case "certificate":
      return certificateLines(step);
    // Shown decoded.
    case "statement":
    case "staple":
      return [];
    default:
      return [`   ${describeStep(step)}`];
  }
}

function policyLines(
  step: TrailStep & { kind: "policy" },
  unsigned: PolicyAnswer,
  { memory }: Lookup,
): string[] {
  const name = `_vsmtp.${step.domain}`;
  const lines: string[] = [];
  if (step.text === null) {
    const absent = step.detail === null ? "there is none" : "there is none that counts";
    const none = step.found === "failure" ? "it cannot be looked up now" : absent;
    lines.push(`   ${name}: ${none}${step.detail === null ? "" : ` (${step.detail})`}`);
  } else {
    lines.push(`   ${name}: ${step.text}`);
    if (step.rememberedUntil !== null) {
      lines.push(`   not in the DNS now (${step.detail}); remembered until ${time(step.rememberedUntil)}`);
    }
    if (step.ttlSeconds !== null) lines.push(`   TTL ${step.ttlSeconds} s, ${validated(step.authenticated)}`);
    if ((step.ttlSeconds ?? 0) > LONGEST_TTL_S) {
      lines.push(`   its TTL is longer than ${LONGEST_TTL_S} s: its changes are heard of late`);
    }
    const parsed = parsePolicyRecord(step.text);
    if (parsed.ok) lines.push(...tagLines(parsed.record));
  }
  if (memory !== null) lines.push(`   ${memoryText(memory)}`);
  lines.push(`   unsigned mail From ${step.domain}: ${unsignedText(unsigned, step.domain)}`);
  return lines;
}

function tagLines(record: PolicyRecord): string[] {
  const { discovery, requiredTrust, statementKeys, epoch, rememberSeconds, stapleSeconds } = record;
  const facts: (string | null)[] = [
    discovery === "mx" ? null : `ks=${discovery}: the key server is not where the mail goes`,
    requiredTrust === "host" ? null : "auth=domain: servers have to prove that they speak for the domain",
    statementKeys.length === 0 ? null : `dk: statements have to be signed, by one of ${statementKeys.length}`,
    epoch === 0 ? null : `ep: statements issued before ${time(epoch)} are void`,
    rememberSeconds === 0 ? null : `ma: to be remembered for ${duration(rememberSeconds)} at most`,
    stapleSeconds === 0 ? null : `sl: messages may bring statements of the last ${stapleSeconds} s along`,
  ];
  return facts.flatMap((fact) => (fact === null ? [] : [`   ${fact}`]));
}

function memoryText({ record, epoch, epochUntil }: DomainMemory): string {
  const days = record === null ? "" : `seen on ${record.days} ${record.days === 1 ? "day" : "days"}`;
  const held = record === null ? "nothing of its text" : days;
  const serves = record === null ? "" : `, serves until ${time(record.until)} if it is suppressed`;
  const floor = epoch === 0 ? "" : `, ep not below ${time(epoch)} before ${time(epochUntil)}`;
  return `remembered here: ${held}${serves}${floor}`;
}

function unsignedText(unsigned: PolicyAnswer, domain: string): string {
  if (unsigned.kind === "none") return "no policy says anything";
  if (unsigned.kind === "failure") return "its policy cannot be looked up now";
  const wanted = { none: "taken as it is", quarantine: "to be put into quarantine", reject: "to be refused" };
  const above = unsigned.publishedAt === domain ? "" : `, as ${unsigned.publishedAt} says`;
  return `${wanted[unsigned.policy]}${above}${unsigned.testing ? " (tested only: t=y)" : ""}`;
}

function hostLines({ source, hosts, authenticated }: TrailStep & { kind: "hosts" }): string[] {
  if (hosts.length === 0) return ["   none that can be used"];
  return [`   to ask: ${hosts.join(", ")} (${SOURCES[source]}; ${validated(authenticated)})`];
}

function refusedLines({ addresses, refused }: TrailStep & { kind: "addresses" }): string[] {
  const lines = addresses.length === 0 && refused.length === 0 ? ["   it has no address"] : [];
  return refused.length === 0 ? lines : [`   not to ${refused.join(", ")}: not globally reachable`];
}

function certificateLines(step: TrailStep & { kind: "certificate" }): string[] {
  const lines = [
    `   ${step.tls ?? "TLS"}, certificate for ${step.names.join(", ") || "no name"}`,
    `     issued by ${step.issuer ?? "nobody"}; valid until ${step.validTo ?? "?"}`,
  ];
  const by = step.dane ? "as its TLSA records say" : "by an authority that is trusted here";
  if (step.trust !== null) lines.push(`     proves ${step.proves.join(", ")}, ${by}: ${step.trust} trust`);
  else lines.push(`     proves nothing about the domain${step.problem === null ? "" : `: ${step.problem}`}`);
  return lines;
}

function statementLines(line: string, trail: readonly TrailStep[]): string[] {
  const parsed = parseStatement(line);
  if (!parsed.ok) return [`   ${line}`, `   it cannot be read: ${parsed.detail}`];
  const { identity, kid, algorithm, state, grants } = parsed.statement;
  const { notBefore, notAfter, issuedAt, ttlSeconds, staleSeconds, signature } = parsed.statement;
  const judged = trail.findLast(isStatement);
  const signed =
    signature === null
      ? "not signed"
      : judged?.signed
        ? "signed under dk"
        : "signed, under no dk that is known";
  const rows: [string, string][] = [
    ["account", identity],
    ["key", `${kid}, ${algorithm}, ${state}`],
    ["valid", `${time(notBefore)} to ${time(notAfter)}`],
    [
      "issued",
      `${time(issuedAt)}, for ${ttlSeconds} s${staleSeconds > 0 ? `, stale for ${staleSeconds} s more` : ""}`,
    ],
    ["grants", grants.length === 0 ? "none" : grants.join(", ")],
    ["proof", signed],
    ["judged", judged?.outcome ?? "not now"],
  ];
  return rows.map(([name, value]) => `   ${name.padEnd(8)}${value}`);
}

function answerLine({ answer }: LookupReport, kid: string | null): string {
  if (answer.kind === "key") {
    return `key ${keyId(answer.spki)}, ${answer.trust ?? "no"} trust${kid === null ? DECOY : ""}`;
  }
  return answer.kind === "fail" ? `fail ${answer.reason}: ${answer.detail}` : `temperror: ${answer.detail}`;
}

/** Why the trust is what it is. */
function reasonLines({ answer, trail }: LookupReport): string[] {
  if (answer.kind !== "key" || answer.trust === null) return [];
  const certificate = trail.findLast((step) => step.kind === "certificate");
  const statement = trail.findLast(isStatement);
  if (answer.trust === certificate?.trust) {
    return [`${answer.trust} trust: the certificate proves ${certificate.proves.join(", ")}`];
  }
  return statement?.signed === true
    ? [
        `${answer.trust} trust: the statement is signed under dk${answer.trust === "domain" ? ", which DNSSEC vouches for" : ""}`,
      ]
    : [];
}

function isStatement(step: TrailStep): step is TrailStep & { kind: "statement" | "staple" } {
  return step.kind === "statement" || step.kind === "staple";
}

function validated(authenticated: boolean): string {
  return authenticated ? "validated by DNSSEC" : "not validated by DNSSEC";
}

function time(unixSeconds: number): string {
  const moment = new Date(unixSeconds * 1000);
  return Number.isNaN(moment.getTime())
    ? String(unixSeconds)
    : moment.toISOString().replace("T", " ").replace(".000Z", "Z");
}

function duration(seconds: number): string {
  const [size, unit] = seconds % 86_400 === 0 ? [86_400, "d"] : seconds % 3600 === 0 ? [3600, "h"] : [1, "s"];
  return `${seconds / size} ${unit}`;
}
