import { type Address, type AddressResult, addressText, sameAddress } from "../message/index.ts";
import { checkHeaderCanonical, type HeaderCheck } from "../signature/index.ts";
import type { Identification, KeyName, NoUse } from "../signing/index.ts";

/** How far `t` may be from our clock (PRV-30). Seconds. */
const CLOCK_SKEW_S = 300;

/** What came with SIGN. */
export interface SignClaim {
  readonly identity: Address;
  readonly kid: string;
  readonly recipients: number;
}

export type SignVerdict =
  | { readonly kind: "fine"; readonly messageIdHash: string | null; readonly level: number }
  | { readonly kind: "policy"; readonly detail: string; readonly messageIdHash: string | null }
  | { readonly kind: "replaced" }
  | NoUse;

/**
 * What a vault makes sure of before it signs an H whose message it has not seen (PRV-17, PRV-30): the field says
 * what the request says, its times are now, and the user may sign as its identity and write From everyone it names.
 *
 * @param now Unix seconds
 * @param rightsTo what the user may do in the name of an address
 * @param isAsserted no user logged in, the server acts for the address itself (PRV-9)
 */
export async function judgeSign(
  claim: SignClaim,
  h: Uint8Array,
  now: number,
  rightsTo: (address: Address) => Promise<Identification>,
  isAsserted = false,
): Promise<SignVerdict> {
  const check = checkHeaderCanonical(h);
  if (!check.ok) return { kind: "policy", detail: check.detail, messageIdHash: null };
  const no = (detail: string): SignVerdict => ({
    kind: "policy",
    detail,
    messageIdHash: check.messageIdHash,
  });
  const problem = claimProblem(claim, check, now);
  if (problem !== null) return no(problem);

  const rights = await rightsTo(claim.identity);
  if (rights.kind === "not-granted") return no(`you may not sign as ${addressText(claim.identity)}`);
  if (rights.kind !== "granted") return rights;
  if (!sameAddress(rights.identity, claim.identity))
    return no(`you may not sign as ${addressText(claim.identity)}`);
  const key = rights.keys.find(({ kid }: KeyName) => kid === claim.kid);
  if (key === undefined) return { kind: "replaced" };
  if (key.algorithm !== check.algorithm) return no(`a=${check.algorithm} is not the algorithm of the key`);
  // A list sends what others wrote (CUS-6): its Sender lends their From no credit (IDY-11).
  if (isAsserted && check.sender !== null) {
    return { kind: "fine", messageIdHash: check.messageIdHash, level: check.level };
  }
  // Somebody whom From names a thousand times is asked about once.
  for (const author of new Map(check.from.map((one) => [shown(one), one])).values()) {
    if (author.ok && sameAddress(author.address, claim.identity)) continue;
    const answer = author.ok ? await rightsTo(author.address) : ({ kind: "not-granted" } as const);
    if (answer.kind === "not-granted") return no(`you may not write From ${shown(author)}`);
    if (answer.kind !== "granted") return answer;
  }
  return { kind: "fine", messageIdHash: check.messageIdHash, level: check.level };
}

function claimProblem(claim: SignClaim, check: HeaderCheck & { ok: true }, now: number): string | null {
  if (!sameAddress(check.identity, claim.identity)) return "i is another address than the request's";
  if (check.kid !== claim.kid) return "k is another key id than the request's";
  if (check.recipientCount > claim.recipients) {
    return `r binds it to ${check.recipientCount} recipients, the request says ${claim.recipients}`;
  }
  if (Math.abs(check.signedAt - now) > CLOCK_SKEW_S) return `t is ${check.signedAt - now} s from now`;
  const { responsible } = check;
  if (check.level > 0 || responsible === null) return null;
  if (responsible.ok && sameAddress(responsible.address, claim.identity)) return null;
  return `Sender or From names ${shown(responsible)}, so it is not ${addressText(claim.identity)} who signs`;
}

function shown(author: AddressResult): string {
  return author.ok ? addressText(author.address) : `an address that nobody owns (${author.detail})`;
}
