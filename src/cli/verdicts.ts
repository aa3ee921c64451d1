import { InvalidArgumentError } from "commander";
import type { Reason, Result } from "../signature/index.ts";

/** Every verdict that there is (VER-10 to VER-12). */
export const VERDICTS: readonly (readonly [Result, Reason | null])[] = [
  ["pass", null],
  ["neutral", "sender-only"],
  ["none", "unsigned"],
  ["fail", "body"],
  ["fail", "signature"],
  ["fail", "identity"],
  ["fail", "no-keyserver"],
  ["fail", "no-key"],
  ["fail", "bad-key"],
  ["fail", "revoked"],
  ["fail", "suspended"],
  ["fail", "expired"],
  ["fail", "exact"],
  ["permerror", "syntax"],
  ["temperror", "unavailable"],
];

/** In the order of how good they are. */
export const RESULTS: readonly Result[] = ["pass", "neutral", "none", "fail", "temperror", "permerror"];

const REASONS: readonly Reason[] = VERDICTS.flatMap(([, reason]) => reason ?? []);

/** `--verdict RESULT` */
export const resultArgument = oneOf(RESULTS, "result");

/** `--reason REASON` */
export const reasonArgument = oneOf(REASONS, "reason");

/** An option that takes one of these words. */
export function oneOf(words: readonly string[], what: string): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    const isReason = words === RESULTS && REASONS.some((reason) => reason === text);
    throw new InvalidArgumentError(
      isReason
        ? `It is no ${what}. "${text}" is a reason: --reason ${text}.`
        : `It is no ${what}. There are ${words.join(", ")}.`,
    );
  };
}
