import { ask, TestNetwork } from "../src/key-lookup/test-network.ts";
import { decodeAddress } from "../src/message/index.ts";

/** Questions one after the other, and what would be answered to each. */
export interface LookupTrace {
  readonly steps: readonly {
    readonly at: number;
    readonly identity: string;
    readonly policy?: string;
    /** A statement or an error; null: nothing listens. */
    readonly server: string | null;
  }[];
}

const place = "8.8.4.1:8757";
const names = ["mx1.someisp.tld"];

/** Looks the keys up, over a real network on loopback and a clock that stands still between the steps. */
export async function runLookupTrace({ steps }: LookupTrace): Promise<Record<string, unknown>> {
  const net = new TestNetwork();
  await net.start();
  let asked = 0;
  let says: string | null = null;
  let isListening = false;
  // Over a connection that was kept, nothing usable is as good as nobody.
  const answer = (): readonly string[] => {
    asked++;
    return says === null ? [] : [says];
  };
  const lookup = net.lookup();
  const seen: { result: string; asked: boolean }[] = [];
  try {
    for (const { at, identity, policy, server } of steps) {
      net.nowMs = at * 1000;
      net.publish(1, policy?.replace("v=VSMTP1; ", ""));
      says = server;
      if (server === null) net.remove(place);
      else if (!isListening) await net.scriptedKeyServer(place, names, answer);
      isListening = server !== null;
      const before = asked + net.dialled.length;
      const address = decodeAddress(identity);
      if (address === null) throw new Error(`${identity} is no identity`);
      const answered = await ask(lookup, { identity: address, signedAt: null, now: at });
      seen.push({ result: answered.split(" ")[0] as string, asked: asked + net.dialled.length > before });
    }
  } finally {
    await net.close();
  }
  return { results: seen.map(({ result }) => result), asked: seen.map((step) => step.asked) };
}
