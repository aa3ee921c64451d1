import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { type Fact, formatFacts } from "../administration/facts.ts";
import { findAccount } from "../administration/find-account.ts";
import { Table } from "../administration/table.ts";
import { isoHour, isoMinute } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";
import { appPasswordColumns, appPasswordObject, byLastUse } from "./app-password-listing.ts";
import { targetText } from "./grant.ts";

const HOUR_MS = 3_600_000;

export function defineShow(parent: Command, done: Done): void {
  const command = parent
    .command("show ADDRESS")
    .description("show everything about an account, by any of its addresses or its id");
  administer(command, done, {
    about: [
      "The id, which stands in logs, also finds accounts that were removed. No secrets are shown: they are not known. vsmtp key list shows the history of its keys.",
    ],
    examples: [["vsmtp account show al@example.org", "whose address it is, and what may be done with it"]],
    json: {
      address: "the primary address",
      id: "names the account in logs",
      state: "active, suspended or removed",
      state_since: "since when it is in that state",
      created_at: "when it was made",
      addresses: "all its addresses, the primary one first",
      grants: "as whom else it may write: kind (send-as, on-behalf), target (an address, or @ and a domain)",
      keys: "those that are not revoked: kid, state (active, retired), not_before, not_after (null: no end)",
      key_lock: "whether its private keys open with its own passwords only",
      password: "created_at, last_used_at (accurate to an hour; null: never), scram; null: it has none",
      app_passwords: "by last use: id, name, created_at, last_used_at, not_after, from",
      recipient_limit: "its own limit; null: as the settings say",
      recipients: "used and limit, of the last period_s seconds",
    },
    async run({ keyring, printer }, _options: object, address: string) {
      const account = await findAccount(keyring, address);
      const { id, primaryAddress, state, stateSince, createdAt, keyLock, recipientLimit } = account;
      const [rights, history, credentials, usage] = await Promise.all([
        keyring.rights(id),
        keyring.keyHistory(id),
        keyring.credentials(id),
        keyring.recipientUsage(id),
      ]);
      const addresses = rights?.addresses ?? [];
      const grants = rights?.grants ?? [];
      const keys = history.filter((key) => key.state !== "revoked");
      const password = credentials.find(({ kind }) => kind === "password") ?? null;
      const appPasswords = byLastUse(credentials);
      const facts: Fact[] = [
        ["id", id],
        ["state", `${state} since ${isoMinute(stateSince)}`],
        ["made", isoMinute(createdAt)],
        ["addresses", addresses],
        ["may write as", grants.map((grant) => `${targetText(grant)} (${grant.kind})`)],
        [
          "keys",
          keys.map(({ kid, state, notBefore, notAfter }) =>
            state === "active"
              ? `${kid} active since ${isoMinute(notBefore)}`
              : `${kid} ${state}, verifies until ${isoMinute(notAfter)}`,
          ),
        ],
        ["key lock", keyLock ? "yes: only its own passwords open its keys" : "no"],
        [
          "password",
          password === null
            ? "none: nobody can log in with it"
            : `set ${isoMinute(password.createdAt)}, last used ${password.lastUsedAt === null ? "never" : isoHour(password.lastUsedAt)}`,
        ],
        [
          "app passwords",
          appPasswords.length > 0
            ? new Table(appPasswordColumns, null).format(appPasswords).trimEnd().split("\n")
            : "none",
        ],
        [
          "recipients",
          usage &&
            `${usage.used} of ${usage.limit} in the last ${usage.periodMs / HOUR_MS} h (${recipientLimit === null ? "as the settings say" : "its own limit"})`,
        ],
      ];
      await printer.print(
        {
          address: primaryAddress,
          id,
          state,
          state_since: stateSince,
          created_at: createdAt,
          addresses,
          grants: grants.map((grant) => ({ kind: grant.kind, target: targetText(grant) })),
          keys: keys.map(({ kid, state, notBefore, notAfter }) => ({
            kid,
            state,
            not_before: notBefore,
            not_after: notAfter,
          })),
          key_lock: keyLock !== null,
          password: password && {
            created_at: password.createdAt,
            last_used_at: password.lastUsedAt,
            scram: password.scram,
          },
          app_passwords: appPasswords.map(appPasswordObject),
          recipient_limit: recipientLimit,
          recipients: usage && { used: usage.used, limit: usage.limit, period_s: usage.periodMs / 1000 },
        },
        formatFacts(primaryAddress, facts),
      );
    },
  });
}
