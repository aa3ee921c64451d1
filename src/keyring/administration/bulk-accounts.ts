import { type Draft, draftAccount, type NewAccountOptions } from "./accounts.ts";
import type { Administration } from "./administration.ts";
import { type Failure, result } from "./outcome.ts";

const PAGE = 500;

/** An account that could not be made, and why. */
export interface RefusedAccount {
  readonly address: string;
  readonly failure: Failure;
}

export interface LoadOptions {
  readonly onProgress?: (done: number) => void;
  readonly onRefused?: (refused: RefusedAccount) => void;
}

/** Makes many accounts, a transaction for some hundred. Those that are refused leave the others as they are. */
export async function addAccounts(
  administration: Administration,
  accounts: AsyncIterable<NewAccountOptions> | Iterable<NewAccountOptions>,
  { onProgress = () => {}, onRefused = () => {} }: LoadOptions,
): Promise<{ added: number; refused: number }> {
  let added = 0;
  let refused = 0;
  let page: NewAccountOptions[] = [];
  const load = async (): Promise<void> => {
    for (const failed of await addPage(administration, page)) {
      refused++;
      onRefused(failed);
    }
    added += page.length;
    page = [];
    onProgress(added);
  };
  for await (const account of accounts) {
    if (page.push(account) === PAGE) await load();
  }
  if (page.length > 0) await load();
  return { added: added - refused, refused };
}

async function addPage(
  administration: Administration,
  page: readonly NewAccountOptions[],
): Promise<readonly RefusedAccount[]> {
  const refused: RefusedAccount[] = [];
  const drafts: Draft[] = [];
  const drafted = await Promise.all(page.map((options) => draftAccount(administration, options)));
  for (const [index, draft] of drafted.entries()) {
    if (draft.ok) drafts.push(draft);
    else refused.push({ address: page[index]?.address ?? "", failure: draft });
  }
  const outcome = await administration.store.addAccounts(
    drafts.map(({ account, entry }) => [account, entry]),
  );
  if (outcome === "done") return refused;
  // All or none were refused together: one by one shows which.
  for (const { account, entry } of drafts) {
    const alone = result(await administration.store.addAccount(account, entry), account.primaryAddress, {});
    if (!alone.ok) refused.push({ address: account.primaryAddress, failure: alone });
  }
  return refused;
}
