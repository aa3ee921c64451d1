import type { ReportSummary } from "../../reports/index.ts";

// What an operator can do about mail of his domain that did not pass at others (VER-10 has the results and reasons).

const advice: Readonly<Record<string, string>> = {
  "none/unsigned":
    "Mail without a signature: forged, or sent past your submission server. Where the hosts above are yours, have them send through it. When none are left, publish p=reject.",
  "neutral/sender-only":
    "Signed, but not by the author that From names: mailing lists, or users who write as others. Users need a grant (vsmtp account grant).",
  "fail/body":
    "The text was altered on the way: a mailing list or a gateway behind your signature. Let the host that is named above not change mail, or sign behind it.",
  "fail/signature":
    "The header was altered on the way, or the signature is forged. Look whether the hosts above are yours.",
  "fail/identity":
    "The signing account is not the one that Sender or From names: made by another program than yours, or forged.",
  "fail/no-keyserver":
    "The receiver found no key server of your domain: vsmtp lookup ADDRESS shows what others see.",
  "fail/no-key":
    "Your key server does not know the key: forged; or a server still signs with a key that is not in the store.",
  "fail/bad-key": "Your key server gave no usable key: vsmtp lookup ADDRESS KEY shows its answer.",
  "fail/revoked":
    "Mail signed with a key that you revoked: what was on its way then, or somebody who has it still. It is worth nothing to him.",
  "fail/suspended": "Mail of an account that is suspended. Nothing to do, unless it should not be.",
  "fail/expired":
    "It came when its signature had ended, or before it began: stuck somewhere for days, or a wrong clock on the host that signs.",
  "fail/exact":
    "It was passed on to somebody whom its author did not address: replayed, or forwarded by an unaware host.",
  "temperror/unavailable":
    "Your key servers or your DNS could not be asked, and the mail had to wait: see their logs at that time.",
  "permerror/syntax":
    "The message breaks the rules of the format: made by a faulty program, or altered on the way.",
};

/** What is told of each kind of problem, the most frequent first; each but once. */
export function adviceFor({ problems }: Pick<ReportSummary, "problems">): string[] {
  return problems.flatMap(({ result, reason }) => {
    const text = advice[`${result}/${reason}`];
    return text === undefined ? [] : [`${result} ${reason}: ${text}`];
  });
}

/** REP-5: others' reports are a reason to look, not one to act. */
export const CORROBORATE =
  "Before you suspend an account, see what it sent (vsmtp audit list --account): reports are what others say.";
