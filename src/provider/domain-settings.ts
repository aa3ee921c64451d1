import { type DomainSettings, forAllDomains, sameSettings } from "../border/index.ts";
import type { Config } from "../config/index.ts";

/** The hosted domains, by name, whose mail is treated otherwise than that of all others (ACT-8). */
export function specialDomains({ domains }: Pick<Config, "domains">): ReadonlyMap<string, DomainSettings> {
  const all = domains.map(({ name, policy }): DomainSettings => ({ name, ...policy }));
  const special = all.filter((settings) => !sameSettings(settings, forAllDomains));
  return new Map(special.map((settings) => [settings.name, settings]));
}
