import type { HostedDomain, Mailboxes, NextHop, Route } from "../config/index.ts";

/** Where mail for a domain goes from here. */
export type Hop =
  | { readonly kind: "maildir"; readonly mailboxes: Mailboxes }
  /** A configured server; its address is the operator's word and need not be globally reachable. */
  | { readonly kind: "next-hop"; readonly nextHop: NextHop }
  /** What the domain's MX records say. */
  | { readonly kind: "mx" };

/** Chooses by the domain alone: hosted domains first, then the route with the longest pattern, else MX. */
export class Router {
  readonly #hosted: ReadonlyMap<string, Hop>;
  readonly #routes: ReadonlyMap<string, Hop>;

  constructor(domains: readonly HostedDomain[], routes: readonly Route[]) {
    this.#hosted = new Map(domains.map(({ name, target }) => [name, target]));
    this.#routes = new Map(routes.map(({ pattern, nextHop }) => [pattern, { kind: "next-hop", nextHop }]));
  }

  /** @param domain canonical */
  route(domain: string): Hop {
    const own = this.#hosted.get(domain) ?? this.#routes.get(domain);
    if (own !== undefined) return own;
    for (let dot = domain.indexOf("."); dot !== -1; dot = domain.indexOf(".", dot + 1)) {
      const above = this.#routes.get(domain.slice(dot));
      if (above !== undefined) return above;
    }
    return this.#routes.get("*") ?? { kind: "mx" };
  }
}
