import { isAscii } from "node:buffer";
import type { CorpusMessage } from "../corpus.ts";
import type { Chain } from "./chains.ts";
import { type Change, changes } from "./changes.ts";
import { judgeByOpenDkim } from "./opendkim-judge.ts";
import type { Sent, TransitNetwork } from "./transit-network.ts";
import { needsSmtpUtf8, type SignedTwice, type TransitSigner } from "./transit-signer.ts";

/** A message that is signed for its recipients on all ways. */
export interface Traveller {
  readonly message: CorpusMessage;
  readonly localPart: string;
  readonly signed: SignedTwice;
}

/** A message that arrived with a signature less than it set out with. */
export interface Loss {
  readonly message: string;
  /** What its verifiers say: null where it still passes. */
  readonly vsmtp: string | null;
  readonly dkim: string | null;
  /** The first server behind which one of them fails. */
  readonly hop: string;
  /** What is changed there. */
  readonly changes: readonly Change[];
}

/** What came of all messages of a chain. */
export interface ChainOutcome {
  readonly chain: Chain;
  readonly arrived: number;
  /** Of these, whose signatures still pass. */
  readonly vsmtp: number;
  readonly dkim: number;
  readonly losses: readonly Loss[];
  /** What came back to its author, and why, by message. */
  readonly returned: ReadonlyMap<string, string>;
  /** Of which nothing came at all. */
  readonly lost: readonly string[];
  /** What mailauth and OpenDKIM do not agree on. */
  readonly disputed: readonly string[];
}

export interface Trip {
  readonly network: TransitNetwork;
  readonly signer: TransitSigner;
  readonly chain: Chain;
}

/**
 * Sends messages through a chain and verifies what arrives. What lost a signature is sent through the chain's first hops
 * too, to see where.
 */
export async function tryChain(trip: Trip, travellers: readonly Traveller[]): Promise<ChainOutcome> {
  const { chain } = trip;
  const judged = await travel(trip, travellers, chain.hops.length);
  const arrived = judged.filter((one) => one.kind === "arrived");
  const broken = arrived.filter(({ vsmtp, dkim }) => vsmtp !== null || dkim !== null);
  const namesOf = (kind: Judged["kind"]) =>
    judged.filter((one) => one.kind === kind).map(({ traveller }) => traveller.message.name);
  return {
    chain,
    arrived: arrived.length,
    vsmtp: arrived.filter(({ vsmtp }) => vsmtp === null).length,
    dkim: arrived.filter(({ dkim }) => dkim === null).length,
    losses: await explainLosses(trip, broken),
    returned: new Map(
      judged.flatMap((one) => (one.kind === "returned" ? [[one.traveller.message.name, one.why]] : [])),
    ),
    lost: namesOf("lost"),
    disputed: arrived.filter(({ isDisputed }) => isDisputed).map(({ traveller }) => traveller.message.name),
  };
}

type Judged = { readonly traveller: Traveller } & (
  | { readonly kind: "lost" }
  | { readonly kind: "returned"; readonly why: string }
  | Arrived
);

interface Arrived {
  readonly kind: "arrived";
  readonly traveller: Traveller;
  readonly octets: Buffer;
  /** Why it fails; null where it passes. */
  readonly vsmtp: string | null;
  readonly dkim: string | null;
  readonly isDisputed: boolean;
}

/** Through so many hops of the chain. */
async function travel(
  { network, signer, chain }: Trip,
  travellers: readonly Traveller[],
  hops: number,
): Promise<Judged[]> {
  const domain = network.domain(chain, hops);
  const transits = await network.send(
    chain,
    travellers.map((traveller) => outgoing(traveller, domain)),
    hops,
  );
  const arrivals = transits.map((transit) => (transit.kind === "arrived" ? transit.octets : null));
  const second = judgeByOpenDkim(
    arrivals.filter((octets) => octets !== null),
    signer.dkimKey,
  );
  const judged: Judged[] = [];
  for (const [index, transit] of transits.entries()) {
    const traveller = travellers[index] as Traveller;
    if (transit.kind !== "arrived") {
      judged.push({ ...transit, traveller });
      continue;
    }
    const { octets } = transit;
    const verdicts = await verdictsOn(signer, traveller.signed, octets, `${traveller.localPart}@${domain}`);
    const opendkim = second.shift() ?? null;
    const isDisputed = opendkim !== null && opendkim !== (verdicts.dkim === null);
    // One of two that verifies it is enough.
    const dkim = opendkim === true ? null : verdicts.dkim;
    judged.push({ kind: "arrived", traveller, octets, vsmtp: verdicts.vsmtp, dkim, isDisputed });
  }
  return judged;
}

function outgoing({ localPart, signed, message }: Traveller, domain: string): Sent {
  const octets = messageFor(signed, `${localPart}@${domain}`);
  return { localPart, octets, eightBit: !isAscii(octets), smtputf8: needsSmtpUtf8(message.octets) };
}

/** The message as one of its recipients gets it. */
export function messageFor({ signatures, rest }: SignedTwice, recipient: string): Buffer {
  return Buffer.concat([signatures.get(recipient) ?? Buffer.alloc(0), rest]);
}

/**
 * What VSMTP and mailauth say, null where that is pass. A Sender of another domain than From is no loss: it gains
 * nothing in any case (IDY-11).
 */
export async function verdictsOn(
  signer: TransitSigner,
  { signing }: SignedTwice,
  octets: Buffer,
  recipient: string,
): Promise<{ readonly vsmtp: string | null; readonly dkim: string | null }> {
  const { result, reason, rcpt, detail } = await signer.verify(signing, octets, recipient);
  const holds = rcpt === "match" && (result === "pass" || reason === "sender-only");
  const dkim = await signer.verifyDkim(octets);
  return {
    vsmtp: holds ? null : `${result} ${reason ?? ""} ${detail}`.trim(),
    dkim: dkim === "pass" ? null : dkim,
  };
}

async function explainLosses(trip: Trip, broken: readonly Arrived[]): Promise<Loss[]> {
  const { hops } = trip.chain;
  const losses: Loss[] = [];
  let left = broken;
  for (let count = 1; count <= hops.length && left.length > 0; count++) {
    const isWhole = count === hops.length;
    const judged = isWhole
      ? left
      : await travel(
          trip,
          left.map(({ traveller }) => traveller),
          count,
        );
    const found = new Set<Traveller>();
    for (const one of judged) {
      if (one.kind !== "arrived" || (one.vsmtp === null && one.dkim === null)) continue;
      const { traveller, octets } = one;
      found.add(traveller);
      const { vsmtp, dkim } = left.find((it) => it.traveller === traveller) as Arrived;
      losses.push({
        message: traveller.message.name,
        vsmtp,
        dkim,
        hop: hops[count - 1]?.name ?? "",
        changes: changes(traveller.signed.rest, octets),
      });
    }
    left = left.filter(({ traveller }) => !found.has(traveller));
  }
  return losses;
}
