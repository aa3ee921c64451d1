import { type RelayPeer, relayPeers } from "../peers/relay-peers.ts";

/** Mail servers that a message passes one after another. */
export interface Chain {
  readonly hops: readonly RelayPeer[];
  /** Whether the receiving host, behind the last hop, offers 8BITMIME. */
  readonly eightBitEnd: boolean;
}

function chain(names: string, eightBitEnd = true): Chain {
  const hops = names.split(" ").map((name) => {
    const peer = relayPeers.find((one) => one.name === name);
    if (peer === undefined) throw new Error(`no mail server ${name}`);
    return peer;
  });
  return { hops, eightBitEnd };
}

/** Each server alone, first, last and in between. */
export const chains: readonly Chain[] = [
  chain("Postfix"),
  chain("Exim"),
  chain("Sendmail"),
  chain("OpenSMTPD"),
  chain("Haraka"),
  chain("Postfix", false),
  chain("Exim", false),
  chain("Sendmail", false),
  chain("OpenSMTPD", false),
  chain("Haraka", false),
  chain("Postfix Exim"),
  chain("Exim Sendmail"),
  chain("Sendmail OpenSMTPD"),
  chain("OpenSMTPD Haraka"),
  chain("Haraka Postfix"),
  chain("Sendmail Postfix", false),
  chain("Postfix Exim Sendmail"),
  chain("Exim OpenSMTPD Haraka"),
  chain("Sendmail Haraka Postfix"),
  chain("Haraka Sendmail Exim"),
  chain("OpenSMTPD Postfix Exim", false),
];

/** `Postfix → Exim`, with what the receiving host lacks. */
export function chainName({ hops, eightBitEnd }: Chain): string {
  const servers = hops.map(({ name }) => name).join(" → ");
  return eightBitEnd ? servers : `${servers} → without 8BITMIME`;
}
