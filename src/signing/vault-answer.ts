import type { ErrorCode, VaultAnswer } from "../vault-protocol/index.ts";
import { parseLimitText } from "../vault-protocol/index.ts";
import type { Limited, NoUse, Unavailable } from "./vault.ts";

/** The vault did not answer, or with something that is no answer to the question. */
export function unavailable(answer: VaultAnswer): Unavailable {
  const said =
    answer.kind === "failed"
      ? answer.detail
      : answer.kind === "error"
        ? `the vault answers [${answer.code}] ${answer.text}`
        : `the vault answers with a ${answer.kind}`;
  return { kind: "unavailable", cause: new Error(said) };
}

export function isError(answer: VaultAnswer, code: ErrorCode): boolean {
  return answer.kind === "error" && answer.code === code;
}

/** What an answer means that is not the one that was hoped for (PRV-15, PRV-29). */
export function noUseOf(answer: VaultAnswer): NoUse {
  if (isError(answer, "DISABLED")) return { kind: "suspended" };
  if (isError(answer, "LOCKED")) return { kind: "locked" };
  if (isError(answer, "TICKET")) return { kind: "ended" };
  return unavailable(answer);
}

export function limitedOf(answer: VaultAnswer): Limited | null {
  if (answer.kind !== "error" || answer.code !== "LIMIT") return null;
  const read = parseLimitText(answer.text);
  return read && { kind: "limited", ...read };
}
