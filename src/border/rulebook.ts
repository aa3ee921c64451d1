import { fitsDomain, type PolicySettings, type SenderRule } from "../config/index.ts";
import { MAX_FROM_DOMAINS } from "../signature/index.ts";
import type { Override, Rules } from "../verification/index.ts";
import type { DomainSettings } from "./domain-settings.ts";

/** What the operator wants of mail (ACT-8). */
export class Rulebook {
  readonly #policy: PolicySettings;
  /** Without regard to the sender: the same for every message to the domain. */
  readonly #forAll = new WeakMap<DomainSettings, Rules>();

  constructor(policy: PolicySettings) {
    this.#policy = policy;
  }

  /**
   * For mail to a domain, once for each From domain. Settings for senders judge authors, so where the author's name is
   * no recommendation (VER-17) what counts without them counts as well.
   *
   * @param from the domains that From names; asked for only where settings for senders exist
   */
  rulesFor(domain: DomainSettings, from: () => readonly string[], mismatched: boolean): readonly Rules[] {
    const forAll = this.#rulesForAll(domain);
    if (domain.senders.length === 0 && this.#policy.senders.length === 0) return [forAll];
    const names = from();
    // So many nobody writes honestly (POL-20): then no setting for one of them helps.
    if (names.length === 0 || names.length > MAX_FROM_DOMAINS) return [forAll];
    const forEach = names.map((name) => rules(domain, this.#policy, name));
    return mismatched ? [...forEach, forAll] : forEach;
  }

  #rulesForAll(domain: DomainSettings): Rules {
    const known = this.#forAll.get(domain);
    if (known !== undefined) return known;
    const made = rules(domain, this.#policy, null);
    this.#forAll.set(domain, made);
    return made;
  }
}

/** The most specific first: for recipient and sender, for the recipient, for the sender, for all. */
function rules(domain: DomainSettings, policy: PolicySettings, sender: string | null): Rules {
  const of = (list: readonly SenderRule[]) =>
    sender === null ? [] : list.filter(({ pattern }) => fitsDomain(pattern, sender));
  const own = of(domain.senders);
  const all = of(policy.senders);
  const here = `domains[${domain.name}]`;
  const actionsSetBy = domain.excusesNobody ? `${here}.lists.posts` : `${here}.actions`;
  const [first = { stage: policy.stage, stageSetBy: null }] = [
    ...own.map((rule) => stageOf(`${here}.senders[${rule.pattern}]`, rule)),
    stageOf(here, domain),
    ...all.map((rule) => stageOf(`policy.senders[${rule.pattern}]`, rule)),
  ].filter((set) => set !== null);
  return {
    ...first,
    overrides: [
      ...own.map((rule) => override(`${here}.senders`, rule)),
      { name: actionsSetBy, actions: domain.actions },
      ...all.map((rule) => override("policy.senders", rule)),
      { name: "policy.actions", actions: policy.actions },
    ],
  };
}

function stageOf(name: string, { stage }: Pick<SenderRule, "stage">): Omit<Rules, "overrides"> | null {
  return stage === null ? null : { stage, stageSetBy: `${name}.stage` };
}

function override(list: string, { pattern, actions }: SenderRule): Override {
  return { name: `${list}[${pattern}].actions`, actions };
}
