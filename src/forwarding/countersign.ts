import { type Address, addressText, propertyOf } from "../message/index.ts";
import type { LeasedMessage } from "../queue/index.ts";
import { nextCustodyLevel, type ScannedMessage } from "../signature/index.ts";
import { type Copy, type SignedCopy, signAs } from "../signing/index.ts";
import { recordedVerdict, wasProved } from "./recorded-verdict.ts";
import type { Tools } from "./tools.ts";

export type Countersigned =
  | {
      readonly kind: "copies";
      readonly copies: readonly SignedCopy[];
      /** Of the keys that signed. */
      readonly kids: readonly string[];
      /** For people: with which level, or why without one. */
      readonly how: string;
    }
  /** Nobody can sign now. */
  | { readonly kind: "later" };

/** A level is worth waiting for, but not longer than this: without it mail is taken for a replay, and passes (VER-17). */
const WITHOUT_AFTER_MS = 24 * 3_600_000;

/**
 * Adds the next custody level in the name of the address that passes a message on (CUS-1, CUS-2), where one can hold; else
 * the copies go as they are.
 */
export async function countersign(
  message: LeasedMessage,
  scanned: ScannedMessage,
  receivedAs: Address,
  unsigned: readonly Copy[],
  { vault, staple, now: clock }: Tools,
): Promise<Countersigned> {
  const plain = (because: string): Countersigned => {
    const copies = unsigned.map(({ recipients }) => ({ recipients, signatures: NOTHING }));
    return { kind: "copies", copies, kids: [], how: `without a further level: ${because}` };
  };
  const now = clock();
  const problem = recordProblem(message, scanned);
  if (problem !== null) return plain(problem);
  const next = nextCustodyLevel(scanned, receivedAs, Math.floor(now / 1000));
  if (next.kind === "none") return plain(next.because);
  if (vault === null) return plain("there is no vault here");
  const later = (): Countersigned =>
    now - message.enqueuedAt < WITHOUT_AFTER_MS ? { kind: "later" } : plain("the vault was away for a day");
  const login = await vault.assert(receivedAs, { client: "", channelBinding: null });
  if (login === null) return plain(`${addressText(receivedAs)} is no account's`);
  if ("kind" in login) return login.kind === "denied" ? plain("this host may not assert accounts") : later();
  try {
    const { level } = next;
    const order = { message: scanned, identity: receivedAs, level, copies: unsigned, staple, now };
    const signed = await signAs(order, login);
    if (signed.kind === "refused")
      return signed.reply.code < 500 ? later() : plain([signed.reply.text].flat().join(" "));
    return { ...signed, kind: "copies", how: `with custody level ${level}` };
  } finally {
    login.end();
  }
}

const NOTHING = Buffer.alloc(0);

/** What the border found outweighs what the header says of itself. */
function recordProblem({ account, kids }: LeasedMessage, { header }: ScannedMessage): string | null {
  const recorded = recordedVerdict(header);
  // Sent from here: our users' mail, and reports.
  if (recorded === null) return account !== null || kids.length > 0 ? null : "nobody verified it";
  if (!wasProved(recorded)) return `its verdict is ${recorded.result}`;
  const rcpt = propertyOf(recorded, "policy.rcpt");
  return rcpt === "match" || rcpt === "forwarded" ? null : `its recipients are ${rcpt ?? "unknown"}`;
}
