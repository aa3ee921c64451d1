import type { User } from "../network/installation.ts";
import { type Letter, writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

const RECIPIENT = "bob@dest.test";

export const secretary: Scenario = {
  title: "The secretary writes for the boss",
  story:
    "The message is From the boss, and the secretary's account signs it. Their provider has recorded that the " +
    "secretary may write on the boss's behalf, and its key server says so beside the secretary's key (og).",
  play: async (stage) => {
    const boss = await stage.user("boss@someisp.test");
    const clerk = await stage.user("secretary@someisp.test");
    const { keyring } = clerk.provider;
    const onBehalf = { kind: "on-behalf", target: boss.address } as const;
    await keyring.grant(clerk.accountId, onBehalf);
    const letter = fromBoss(clerk);
    const sent = await stage.submit(clerk, letter, RECIPIENT);
    await stage.conclude("secretary for boss, granted", sent, await stage.nextAttempt(sent), {
      verdict: "pass",
      align: "agent",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });

    stage.tell("An intern without the grant tries the same. The submission server does not let it out:");
    const intern = await stage.user("intern@someisp.test");
    const refused = await stage.submit(intern, fromBoss(intern), RECIPIENT);
    await stage.conclude("intern for boss, not granted", refused, stage.refusal(refused), {
      verdict: null,
      align: null,
      rcpt: null,
      reply: "550 5.7.1",
      mailbox: null,
    });

    stage.tell(
      "A temp has the grant and writes, but the mail has to wait, for the DNS of dest.test is down, and the grant is " +
        "withdrawn meanwhile. The signature still verifies; what nobody vouches for any more is the boss in From. " +
        "So it counts as unsigned, and someisp.test wants unsigned mail refused:",
    );
    const temp = await stage.user("temp@someisp.test");
    await keyring.grant(temp.accountId, onBehalf);
    const waiting = await stage.submitAndHold(temp, fromBoss(temp), RECIPIENT);
    await keyring.withdraw(temp.accountId, onBehalf);
    stage.release();
    await stage.conclude("temp for boss, grant withdrawn", waiting, await stage.finalAttempt(waiting), {
      verdict: "neutral sender-only",
      align: "sender",
      rcpt: "match",
      reply: "550 5.7.1",
      mailbox: null,
    });
  },
};

function fromBoss(author: User): Letter {
  return writeLetter({
    from: "The Boss <boss@someisp.test>",
    sender: author.address,
    to: RECIPIENT,
    subject: "Our meeting",
    text: "The boss will see you at three.",
  });
}
