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

/**
 * Makes many accounts, a transaction for some hundred. Those that are refused leave the others as they are. While one
 * page is committed, passwords and key pairs of the next are made.
 */
export async function addAccounts(
  administration: Administration,
  accounts: AsyncIterable<NewAccountOptions> | Iterable<NewAccountOptions>,
  { onProgress = () => {}, onRefused = () => {} }: LoadOptions,
): Promise<{ added: number; refused: number }> {
  let done = 0;
  let refused = 0;
  let page: NewAccountOptions[] = [];
  let committing: Promise<void> = Promise.resolve();
  const commit = async (drafts: readonly (Draft | RefusedAccount)[]): Promise<void> => {
    for (const failed of await commitPage(administration, drafts)) {
      refused++;
      onRefused(failed);
    }
    done += drafts.length;
    onProgress(done);
  };
  const load = async (): Promise<void> => {
    const [drafts] = await Promise.all([draftPage(administration, page), committing]);
    page = [];
    committing = commit(drafts);
    committing.catch(() => {}); // it is thrown where it is awaited
  };
  for await (const account of accounts) {
    if (page.push(account) === PAGE) await load();
  }
  if (page.length > 0) await load();
  await committing;
  return { added: done - refused, refused };
}

function draftPage(
  administration: Administration,
  page: readonly NewAccountOptions[],
): Promise<readonly (Draft | RefusedAccount)[]> {
  return Promise.all(
    page.map(async (options) => {
      const draft = await draftAccount(administration, options);
      return draft.ok ? draft : { address: options.address, failure: draft };
    }),
  );
}

async function commitPage(
  { store }: Administration,
  page: readonly (Draft | RefusedAccount)[],
): Promise<readonly RefusedAccount[]> {
  const refused = page.filter((one) => "failure" in one);
  const drafts = page.filter((one) => "account" in one);
  const outcome = await store.addAccounts(drafts.map(({ account, entry }) => [account, entry]));
  if (outcome === "done") return refused;
  // All or none were refused together: one by one shows which.
  for (const { account, entry } of drafts) {
    const alone = result(await store.addAccount(account, entry), account.primaryAddress, {});
    if (!alone.ok) refused.push({ address: account.primaryAddress, failure: alone });
  }
  return refused;
}
