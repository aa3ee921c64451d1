import type { Trust } from "../../signature/index.ts";
import type { Outcome } from "../stage/outcome.ts";
import type { Style } from "./terminal.ts";

/** `pass  align=from  rcpt=match  trust=host` */
export function verdictWords(
  found: Pick<Outcome, "verdict" | "align" | "rcpt"> & { trust: Trust | null },
): string {
  const { verdict, align, rcpt, trust } = found;
  const properties = Object.entries({ align, rcpt, trust }).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${value}`],
  );
  return [verdict ?? "", ...properties].join("  ");
}

/** Green for what is proved, red for what is proved false, yellow for all that lies between. */
export function verdictStyle(verdict: string | null): Style {
  if (verdict === "pass") return "green";
  return verdict?.startsWith("fail") ? "red" : "yellow";
}
