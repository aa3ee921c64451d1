import type { Config, Role } from "./config.ts";

/** Whether one of these roles puts messages into the queue, or takes them out. */
export function usesQueue(roles: ReadonlySet<Role>): boolean {
  return roles.has("submission") || roles.has("mx") || roles.has("delivery");
}

/** Whether one of these roles has to do with mail, and so something to write into the mail log. */
export function usesMailLog(roles: ReadonlySet<Role>): boolean {
  return usesQueue(roles) || roles.has("milter") || roles.has("proxy");
}

/** Whether mail of users is signed here, and so needs a vault. */
export function signsForUsers({
  roles,
  milter,
  proxies,
}: Pick<Config, "roles" | "milter" | "proxies">): boolean {
  return (
    roles.has("submission") ||
    (roles.has("milter") && milter.jobs.has("sign")) ||
    (roles.has("proxy") && proxies.some(({ job }) => job !== "verify"))
  );
}
