import { generateKeyPairSync } from "node:crypto";
import { type Address, parseAddress } from "../../message/index.ts";
import { keyId, sign } from "../../signature/index.ts";
import { type Letter, writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";
import type { Stage } from "../stage/stage.ts";

const RECIPIENT = "bob@dest.test";
/** Home of the forger's program. */
const FORGER = { helo: "dialup-7.elsewhere.test", reversePath: "allice@someisp.test", recipient: RECIPIENT };

export const unsignedForgery: Scenario = {
  title: "Unsigned forgery",
  story:
    "A forger writes in Allice's name, straight to the mail host of dest.test. He cannot sign. someisp.test says in " +
    "DNS that it signs all its mail (_vsmtp.someisp.test: p=reject), so mail without a signature is not its mail.",
  play: async (stage) => {
    const letter = forgedLetter("Invoice");
    const attempt = await stage.sendFromOutside(letter.octets, FORGER);
    await stage.conclude("unsigned forgery", { letter, recipient: RECIPIENT }, attempt, {
      verdict: "none",
      align: null,
      rcpt: null,
      reply: "550 5.7.1",
      mailbox: null,
    });
  },
};

export const bogusKey: Scenario = {
  title: "Forgery with a bogus key",
  story:
    "The forger makes a key pair of his own and signs in Allice's name. Anyone can make keys, but only her provider " +
    "says which are hers: its key server does not know this one. Then he names her real key, whose id every " +
    "message of hers shows; without the private half the signature does not verify.",
  play: async (stage) => {
    const own = generateKeyPairSync("ed25519");
    const ownId = keyId(own.publicKey.export({ type: "spki", format: "der" }));
    await forge(stage, "forgery with a bogus key", ownId, own.privateKey, ["fail no-key", "550 5.7.5"]);
    stage.tell("Again, under the id of her real key:");
    const { kid } = await stage.user("allice@someisp.test");
    await forge(stage, "forgery under her key's id", kid, own.privateKey, ["fail signature", "550 5.7.1"]);
  },
};

async function forge(
  stage: Stage,
  title: string,
  kid: string,
  privateKey: ReturnType<typeof generateKeyPairSync>["privateKey"],
  [verdict, reply]: [string, string],
): Promise<void> {
  const letter = forgedLetter("Invoice, signed");
  const signed = sign(letter.octets, {
    identity: address("allice@someisp.test"),
    keys: [{ kid, algorithm: "ed25519-sha256", privateKey }],
    signedAt: Math.floor(Date.now() / 1000),
    recipients: [address(RECIPIENT)],
  });
  if (!signed.ok) throw new Error(signed.detail);
  const attempt = await stage.sendFromOutside(signed.message, FORGER);
  await stage.conclude(title, { letter, recipient: RECIPIENT }, attempt, {
    verdict,
    align: null,
    rcpt: null,
    reply,
    mailbox: null,
  });
}

function forgedLetter(subject: string): Letter {
  return writeLetter({
    from: "Allice <allice@someisp.test>",
    to: RECIPIENT,
    subject,
    text: "Please pay at once.",
  });
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.address;
}
