import type { Role } from "./config.ts";

/** Whether one of these roles puts messages into the queue, or takes them out. */
export function usesQueue(roles: ReadonlySet<Role>): boolean {
  return roles.has("submission") || roles.has("mx") || roles.has("delivery");
}
