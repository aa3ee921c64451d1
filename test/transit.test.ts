import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { missingCorpus, readCorpus } from "./support/corpus.ts";
import { edgeMessages } from "./support/edge-messages.ts";
import { missingOpenDkim } from "./support/peers/opendkim.ts";
import { chainName, chains } from "./support/transit/chains.ts";
import { generatedMessages } from "./support/transit/generated-messages.ts";
import { TransitNetwork } from "./support/transit/transit-network.ts";
import { unexplained } from "./support/transit/transit-page.ts";
import { type Signing, TransitSigner } from "./support/transit/transit-signer.ts";
import { type Departure, signAll } from "./support/transit/travellers.ts";
import { tryChain } from "./support/transit/try-chain.ts";

// Messages with both signatures on their way through real mail servers, one after another: what VSMTP loses, DKIM loses
// too, and why is known. `npm run bench -- transit` does the same with many more, and writes docs/transit.md.

const missing =
  missingOpenDkim() || chains.flatMap(({ hops }) => hops.map(({ skip }) => skip)).find(Boolean) || false;
const corpus = missingCorpus() ? [] : readCorpus().filter((_, index) => index % 12 === 0);
const messages = [...corpus, ...edgeMessages, ...generatedMessages(30)];
const signings: readonly Signing[] = ["submitted", "as it is"];

let network: TransitNetwork;
let signer: TransitSigner;
const departures = new Map<Signing, Departure>();

before(async () => {
  if (missing) return;
  network = await TransitNetwork.start(chains);
  signer = await TransitSigner.open();
  for (const signing of signings) {
    departures.set(signing, await signAll(network, signer, chains, signing, messages));
  }
});
after(async () => {
  await network?.stop();
  await signer?.close();
});

for (const chain of chains) {
  test(`SIG-44, MSG-7, MSG-11, MSG-20 through ${chainName(chain)}: never worse than DKIM, all else is explained`, {
    skip: missing,
  }, async (t) => {
    for (const signing of chain.hops.length === 1 ? signings : (["submitted"] as const)) {
      const { travellers } = departures.get(signing) as Departure;
      const outcome = await tryChain({ network, signer, chain }, travellers);
      const { arrived, vsmtp, dkim, returned, lost, losses } = outcome;
      t.diagnostic(`${signing}: ${arrived} arrived, VSMTP ${vsmtp}, DKIM ${dkim}, ${returned.size} returned`);
      assert.deepEqual(lost, [], network.log().slice(-20_000));
      assert.deepEqual(unexplained(signing, [outcome]), []);
      if (signing === "submitted")
        assert.deepEqual(
          losses.filter((loss) => loss.vsmtp !== null && loss.dkim === null),
          [],
        );
    }
  });
}
