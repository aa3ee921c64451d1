import { faultText, type HeaderField } from "../message/index.ts";
import { importPublicKey } from "./algorithm.ts";
import { signatureVerifies, type UsableField } from "./check-field.ts";
import { isUsable, listsRecipient } from "./custody-chain.ts";
import { diagnoseBody } from "./diagnose-body.ts";
import { diagnoseHeader } from "./diagnose-header.ts";
import { judge, type VerifyContext } from "./judge.ts";
import type { KeyAnswer, KeyQuery } from "./key-source.ts";
import { MessageScanner, type ScannedMessage } from "./scanned-message.ts";
import { parseSignatureField, SIGNATURE_FIELD, type SignatureField } from "./signature-field.ts";
import type { Verdict } from "./verdict.ts";

/** Canonical bodies up to this size are searched for what changed in them. */
const MAX_SEARCHED_OCTETS = 16 << 20;

/** What was covered and what broke, in sentences; nothing in here decides anything. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly lines: readonly string[];
}

/** Verifies a message and tells what its signatures cover and, as far as it can be told, what broke them. */
export async function explain(message: Uint8Array, context: VerifyContext): Promise<Explanation> {
  const canonical: Buffer[] = [];
  let kept = 0;
  const scanner = new MessageScanner((octets) => {
    if (kept <= MAX_SEARCHED_OCTETS) canonical.push(Buffer.from(octets));
    kept += octets.length;
  });
  scanner.write(message);
  const scanned = scanner.finish();
  const answers = new Map<string, KeyAnswer>();
  const keys = {
    lookUp: async (query: KeyQuery): Promise<KeyAnswer> => {
      const answer = await context.keys.lookUp(query);
      answers.set(query.kid, answer);
      return answer;
    },
  };
  const verdict = await judge(scanned, { ...context, keys });
  const body = kept <= MAX_SEARCHED_OCTETS ? Buffer.concat(canonical) : null;
  const lines: string[] = [];
  if (scanned.fault) lines.push(`broken rule: ${faultText(scanned.fault)}`);
  for (const source of scanned.index.get(SIGNATURE_FIELD) ?? []) {
    const field = parseSignatureField(scanned.header, source);
    lines.push(...explainField(scanned, source, field, body, answers, context));
  }
  return { verdict, lines };
}

function explainField(
  message: ScannedMessage,
  source: HeaderField,
  field: SignatureField | null,
  body: Buffer | null,
  answers: ReadonlyMap<string, KeyAnswer>,
  context: VerifyContext,
): string[] {
  const where = `signature field at octets ${source.start + 1} to ${source.end}`;
  if (field === null) return [`${where}: another version, ignored`];
  if (!isUsable(field)) return [`${where}: unusable, ${field.problem}`];
  const { tags } = field;
  const present = tags.covered.filter((name) => message.index.has(name));
  const absent = tags.covered.filter((name) => !message.index.has(name));
  const free = [...message.index.keys()].filter(
    (name) => !tags.covered.includes(name) && name !== SIGNATURE_FIELD,
  );
  const lines = [
    `${where}: level ${field.level}, ${tags.algorithm}`,
    `  identity     ${tags.identity}, key ${tags.kid}`,
    `  valid        ${date(tags.signedAt)} to ${date(tags.expiresAt)}`,
    `  covered      ${present.join(", ") || "no field that is present"}`,
    `  as absent    ${absent.join(", ") || "none"}`,
    `  not covered  ${free.join(", ") || "none"}`,
  ];
  if (tags.recipients === null) lines.push("  recipients   not bound");
  else {
    lines.push(`  recipients   ${tags.recipients.hashes.length} bound${tags.exact ? ", exactly these" : ""}`);
    for (const recipient of context.recipients ?? []) {
      if (recipient === null) continue;
      const listed = listsRecipient(field, recipient) ? "listed" : "not listed";
      lines.push(`               ${recipient.localPart}@${recipient.domain}: ${listed}`);
    }
  }
  const bodyHolds = tags.bodyHashBase64 === message.bodyHashBase64;
  if (message.fault) lines.push("  body         not judged: the message breaks a rule");
  else if (bodyHolds) lines.push("  body         unchanged");
  else {
    const cause = body && diagnoseBody(message, body, tags.bodyHashBase64);
    lines.push(`  body         changed: ${cause ?? "where cannot be told, only its hash was signed"}`);
  }
  const answer = answers.get(tags.kid);
  if (answer?.kind === "key") lines.push(`  header       ${explainHeader(message, field, answer.spki)}`);
  else if (answer) lines.push(`  key          ${answer.detail}`);
  return lines;
}

function explainHeader(message: ScannedMessage, field: UsableField, spki: Uint8Array): string {
  const key = importPublicKey(spki, field.tags.algorithm);
  if (key === null) return "not judged: the key does not fit";
  const all = (message.index.get(SIGNATURE_FIELD) ?? []).flatMap(
    (source) => parseSignatureField(message.header, source) ?? [],
  );
  if (signatureVerifies(message, field, all, key)) return "unchanged";
  const cause = field.level === 0 ? diagnoseHeader(message, field, key) : null;
  const covered = field.tags.covered.filter((name) => message.index.has(name)).join(", ");
  return cause
    ? `changed: ${cause}`
    : `changed: which of ${covered} was altered, or which field was removed, cannot be told`;
}

function date(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace(".000", "");
}
