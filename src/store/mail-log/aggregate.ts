import { setImmediate as nextTurn } from "node:timers/promises";
import type { AggregateRow } from "../../mail-log/index.ts";
import { firstMessageIdAt } from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, type Program, type Row } from "../sql/program.ts";
import type { LogDriver } from "./log-driver.ts";
import { addressWord, domainPart, identityWord } from "./terms.ts";

/** Rows in one go; others get their turn between. */
const PAGE = 500;
/** Forged mail can be of as many kinds as somebody likes. */
const KINDS = 200_000;

/** See MailLogStore. The rows of a day are read one page after another: no transaction lasts, and nobody waits. */
export async function* aggregate(
  driver: LogDriver,
  begin: number,
  end: number,
  unreported: ReadonlySet<string>,
): AsyncGenerator<AggregateRow, void, undefined> {
  const kinds = new Kinds();
  const to = firstMessageIdAt(end);
  for (let after = ""; ; ) {
    const rows = await driver.read(pageOf(after === "" ? firstMessageIdAt(begin) : after, to));
    for (const row of rows) if (!isUnreported(row, unreported)) kinds.count(row);
    if (rows.length < PAGE) break;
    after = `${text(rows.at(-1) as Row, "id")}0`;
    await nextTurn();
  }
  yield* kinds.rows();
}

function* pageOf(from: string, to: string): Program<readonly Row[]> {
  return yield* all(
    `SELECT id, recipients, recipient_count, from_addresses, identity, result, reason, align, rcpt, trust, kid, client, action, decided_by, policy,
       policy_domain
     FROM log_received WHERE id >= ? AND id < ? ORDER BY id LIMIT ${PAGE}`,
    from,
    to,
  );
}

function isUnreported(row: Row, unreported: ReadonlySet<string>): boolean {
  if (unreported.size === 0) return false;
  const recipients = JSON.parse(text(row, "recipients")) as string[];
  return (
    recipients.length === integer(row, "recipient_count") &&
    recipients.every((recipient) => unreported.has(addressWord(recipient)))
  );
}

interface Counted {
  readonly row: AggregateRow;
  count: number;
}

class Kinds {
  readonly #counted = new Map<string, Counted>();

  count(row: Row): void {
    for (const domain of domainsOf(row)) {
      const kind = kindOf(row, domain);
      if (this.#add(kind, KINDS)) continue;
      this.#add({ ...kind, kid: null, client: null }, 2 * KINDS);
    }
  }

  *rows(): Generator<AggregateRow, void, undefined> {
    for (const { row, count } of this.#counted.values()) yield { ...row, count };
  }

  /** @returns false where it is a new kind, and there are too many */
  #add(row: AggregateRow, most: number): boolean {
    const key = JSON.stringify(Object.values(row));
    const known = this.#counted.get(key);
    if (known !== undefined) known.count++;
    else if (this.#counted.size < most) this.#counted.set(key, { row, count: 1 });
    return known !== undefined || this.#counted.size < most;
  }
}

function kindOf(row: Row, domain: string): AggregateRow {
  const policyDomain = row.policy_domain as string | null;
  const isItsOwn = policyDomain !== null && `.${domain}`.endsWith(`.${policyDomain}`);
  return {
    domain,
    result: text(row, "result"),
    reason: row.reason as string | null,
    align: row.align as string | null,
    rcpt: row.rcpt as string | null,
    trust: row.trust as string | null,
    kid: row.kid as string | null,
    client: text(row, "client"),
    action: text(row, "action"),
    decidedBy: text(row, "decided_by"),
    policy: isItsOwn ? text(row, "policy") : null,
    count: 1,
  };
}

function domainsOf(row: Row): Set<string> {
  const addresses = (JSON.parse(text(row, "from_addresses")) as string[]).map(addressWord);
  if (row.identity !== null) addresses.push(identityWord(text(row, "identity")));
  const domains = new Set(addresses.map((address) => domainPart(address).slice(1)));
  domains.delete("");
  return domains;
}
