// npm run bench -- transit [--runs N]: what is left of signatures behind other people's mail servers, VSMTP beside DKIM. Sends
// all of the corpus and N × 100 generated messages through every chain, and writes docs/transit.md.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCorpus } from "../test/support/corpus.ts";
import { edgeMessages } from "../test/support/edge-messages.ts";
import { unpacked } from "../test/support/peers/unpacked.ts";
import { chainName, chains } from "../test/support/transit/chains.ts";
import { generatedMessages } from "../test/support/transit/generated-messages.ts";
import { TransitNetwork } from "../test/support/transit/transit-network.ts";
import { type Journey, transitPage, unexplained } from "../test/support/transit/transit-page.ts";
import { TransitSigner } from "../test/support/transit/transit-signer.ts";
import { signAll } from "../test/support/transit/travellers.ts";
import { type ChainOutcome, tryChain } from "../test/support/transit/try-chain.ts";
import { moveTo, readEffort } from "./harness.ts";

moveTo("all");
const { runs } = readEffort({ seconds: 1, runs: 3 });
const corpus = readCorpus();
const messages = [...corpus, ...edgeMessages, ...generatedMessages(100 * runs)];
const missing = [...new Set(chains.flatMap(({ hops }) => hops))].flatMap(({ skip }) => skip || []);
if (missing.length > 0) throw new Error(missing.join("\n"));

const network = await TransitNetwork.start(chains);
const signer = await TransitSigner.open();
const journeys: Journey[] = [];
try {
  for (const signing of ["submitted", "as it is"] as const) {
    const { travellers, refused } = await signAll(network, signer, chains, signing, messages);
    console.log(`${signing}: ${travellers.length} of ${messages.length} messages are signed`);
    const outcomes: ChainOutcome[] = [];
    for (const chain of chains) {
      const outcome = await tryChain({ network, signer, chain }, travellers);
      outcomes.push(outcome);
      const { arrived, vsmtp, dkim, returned, lost } = outcome;
      console.log(
        `${chainName(chain)}: ${arrived} arrived, VSMTP ${vsmtp}, DKIM ${dkim}, ${returned.size} returned, ${lost.length} lost`,
      );
      if (lost.length > 0) console.log(`  lost: ${lost.join(", ")}`);
    }
    for (const { message, hop, vsmtp, dkim, changes } of unexplained(signing, outcomes)) {
      console.log(
        `not explained: ${message} behind ${hop}: ${vsmtp ?? "pass"}, DKIM ${dkim ?? "pass"}`,
        changes,
      );
    }
    journeys.push({ signing, messages: messages.length, refused, outcomes });
  }
} finally {
  await network.stop();
  await signer.close();
}
const date = new Date().toISOString().slice(0, 10);
const page = transitPage(journeys, versions(), corpus.length, date);
writeFileSync(join(import.meta.dirname, "../docs/transit.md"), page);

function versions(): string[] {
  const version = (folder: string): string => readFileSync(unpacked(`${folder}/.version`), "utf8").trim();
  const postfix = execFileSync("/usr/sbin/postconf", ["-d", "-h", "mail_version"], {
    encoding: "utf8",
  }).trim();
  const haraka = JSON.parse(
    readFileSync(unpacked("haraka/node_modules/haraka/package.json"), "utf8"),
  ).version;
  const opendkim = /v(\S+)/.exec(spawnSync("opendkim", ["-V"], { encoding: "utf8" }).stdout)?.[1];
  return [
    `Postfix ${postfix}`,
    `Exim ${version("exim4-daemon-light")}`,
    `Sendmail ${version("sendmail")}`,
    `OpenSMTPD ${version("opensmtpd")}`,
    `Haraka ${haraka}`,
    `OpenDKIM ${opendkim} (it verifies)`,
  ];
}
