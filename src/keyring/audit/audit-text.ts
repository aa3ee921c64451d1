import type { AuditHead, AuditRecord } from "./audit-entry.ts";

// How entries are written for programs: by `vsmtp audit list --json`, and in archives.

/** `NUMBER:HEX`. */
export function formatAuditHead({ sequence, chain }: AuditHead): string {
  return `${sequence}:${Buffer.from(chain).toString("hex")}`;
}

/** Null for anything else than `NUMBER:HEX`. */
export function parseAuditHead(text: string): AuditHead | null {
  const [, sequence, chain = ""] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  return sequence === undefined
    ? null
    : { sequence: Number(sequence), chain: new Uint8Array(Buffer.from(chain, "hex")) };
}

export function auditObject(record: AuditRecord) {
  return {
    sequence: record.sequence,
    at_ms: record.at,
    actor: record.actor,
    action: record.action,
    account: record.account,
    subject: record.subject,
    kid: record.kid,
    message_id_hash: record.messageIdHash,
    recipients: record.recipients,
    client: record.client,
    outcome: record.outcome,
    detail: record.detail,
    chain: Buffer.from(record.chain).toString("hex"),
  };
}

/** What {@link auditObject} wrote; null for anything else. */
export function parseAuditObject(written: unknown): AuditRecord | null {
  if (typeof written !== "object" || written === null) return null;
  const row = written as Record<string, unknown>;
  const { sequence, at_ms: at, actor, action, outcome, recipients, chain } = row;
  if (!isCount(sequence) || !isCount(at) || !(recipients === null || isCount(recipients))) return null;
  if (!isText(actor) || !isText(action) || !isText(outcome)) return null;
  if (!isText(chain) || !/^[0-9a-f]{64}$/.test(chain)) return null;
  const { account, subject, kid, message_id_hash: messageIdHash, client, detail } = row;
  if (!isTextOrNull(account) || !isTextOrNull(subject) || !isTextOrNull(kid)) return null;
  if (!isTextOrNull(messageIdHash) || !isTextOrNull(client) || !isTextOrNull(detail)) return null;
  const octets = new Uint8Array(Buffer.from(chain, "hex"));
  const rest = { account, subject, kid, messageIdHash, recipients, client, outcome, detail };
  return { sequence, at, actor, action, ...rest, chain: octets };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}
