import { type Budget, MissBudget, type Permit } from "./miss-budget.ts";

/** Who wants a lookup. */
export interface Asker {
  /** The identity's. */
  readonly domain: string;
  /** The network that the message came from; null: it came from nobody. */
  readonly client: string | null;
}

/** CCH-6 */
export const DOMAIN_BUDGET: Budget = { inFlight: 10, perMinute: 60 };
/** CCH-7: mail that the domain vouches for has one of its own, or who can write as it could ask without end. */
const VOUCHED_BUDGET: Budget = { inFlight: 20, perMinute: 300 };
/** Of a domain's budget, for one client: nobody alone can use it up (CCH-14). */
const CLIENT_SHARE = { inFlight: 0.8, vain: 0.25 };
/** Of lookups in vain, over all domains: names without end below one domain are no way around. */
const CLIENT_BUDGET: Budget = { inFlight: 100, perMinute: 300 };

/**
 * What mail may make us ask. Forged mail costs its victim at most the budget of the domain; a client whose mail asks for
 * keys that are not there pays first, so that it leaves others of the budget theirs.
 */
export class LookupBudgets {
  readonly #domains: MissBudget;
  readonly #vouched: MissBudget;
  /** By client and domain, and by client. */
  readonly #shares: MissBudget;
  readonly #clients: MissBudget;

  constructor(nowMs: () => number, budget: Budget = DOMAIN_BUDGET) {
    const share = {
      inFlight: Math.ceil(budget.inFlight * CLIENT_SHARE.inFlight),
      perMinute: Math.ceil(budget.perMinute * CLIENT_SHARE.vain),
    };
    this.#domains = new MissBudget(nowMs, budget, "all");
    this.#vouched = new MissBudget(nowMs, VOUCHED_BUDGET, "all");
    this.#shares = new MissBudget(nowMs, share, "vain");
    this.#clients = new MissBudget(nowMs, CLIENT_BUDGET, "vain");
  }

  /** A permit, or why there is none. */
  begin({ domain, client }: Asker): Permit | string {
    const wanted: (readonly [MissBudget, string])[] = [[this.#domains, domain]];
    if (client !== null) wanted.push([this.#shares, `${client} ${domain}`], [this.#clients, client]);
    for (const [budget, name] of wanted) {
      const problem = budget.problem(name);
      if (problem !== null) return budget === this.#domains ? problem : `for ${client}, ${problem}`;
    }
    const permits = wanted.map(([budget, name]) => budget.begin(name));
    return {
      end: (wasVain) => {
        for (const permit of permits) permit.end(wasVain);
      },
    };
  }

  /** The same for mail whose From domain is the identity's and vouches for it. */
  beginVouched(domain: string): Permit | string {
    return this.#vouched.problem(domain) ?? this.#vouched.begin(domain);
  }
}
