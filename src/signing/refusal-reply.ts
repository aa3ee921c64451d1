import { type Reply, reply } from "../smtp/index.ts";
import type { Limited, NoUse } from "./vault.ts";

/** What an SMTP client is told when the vault does not do what its user wants (PRV-15). */
export function noUse({ kind }: Exclude<NoUse, { kind: "unavailable" }>): Reply {
  switch (kind) {
    case "suspended":
      return reply(550, "5.7.1", "This account is suspended; ask your provider");
    case "locked":
      return reply(550, "5.7.1", "This account's key opens with its password only; log in with the password");
    case "ended":
      return reply(421, "4.7.0", "Your login has ended; connect and log in again");
  }
}

/** LIF-14: says how much is allowed, and when so many will fit. @param now Unix milliseconds */
export function overLimit({ limit, freeAt }: Limited, now: number): Reply {
  const allowed = `Your account may write to ${limit} ${limit === 1 ? "recipient" : "recipients"} in a period`;
  if (freeAt === null) return reply(550, "5.7.28", `${allowed}, and these are more`);
  return reply(451, "4.7.28", `${allowed}; try again in ${duration(Math.max(0, freeAt - now))}`);
}

/** "4 minutes", "2 hours", rounded up so that the time is enough. */
function duration(milliseconds: number): string {
  const minutes = Math.max(1, Math.ceil(milliseconds / 60_000));
  if (minutes < 120) return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  return `${Math.ceil(minutes / 60)} hours`;
}
