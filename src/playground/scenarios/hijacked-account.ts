import type { User } from "../network/installation.ts";
import { type Letter, writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

const RECIPIENT = "bob@dest.test";

export const suspended: Scenario = {
  title: "A hijacked account is suspended",
  story:
    "Somebody has Carl's password and sends spam with it. The message is signed and still in the queue, since " +
    "the DNS of dest.test is down, when the provider notices and suspends the account. From then on nobody can log in to it, and " +
    "the key server answers st=suspended: what is still on its way is refused wherever it arrives.",
  play: async (stage) => {
    const { someisp } = stage.network;
    const carl = await stage.user("carl@someisp.test");
    const queued = await stage.submitAndHold(carl, fromUser(carl, "Congratulations"), RECIPIENT);
    await someisp.keyring.suspend(carl.accountId);

    const letter = fromUser(carl, "Congratulations again");
    const refused = await stage.submit(carl, letter, RECIPIENT);
    await stage.conclude("suspended account: login", refused, stage.refusal(refused), {
      verdict: null,
      align: null,
      rcpt: null,
      reply: "550 5.7.1",
      mailbox: null,
    });
    stage.tell("dest.test can be reached again, and the queued message goes out:");
    stage.release();
    await stage.conclude("suspended account: queued mail", queued, await stage.finalAttempt(queued), {
      verdict: "fail suspended",
      align: null,
      rcpt: null,
      reply: "550 5.7.5",
      mailbox: null,
    });
    stage.tell(
      "dest.test had not seen Carl's key before. A receiver that had would go on using it for as long as the key " +
        "server allowed (ttl, here 600 seconds).",
    );
  },
};

export const rekeyed: Scenario = {
  title: "A re-keyed account",
  story:
    "A thief sent mail with Dora's account; it waits in the queue. The provider gives her a new password and a new " +
    "key pair and revokes the old key. When he signed no longer matters: the old mail is refused, and Dora's new " +
    "mail passes at once.",
  play: async (stage) => {
    const { someisp } = stage.network;
    const dora = await stage.user("dora@someisp.test");
    const old = await stage.submitAndHold(dora, fromUser(dora, "Lend me money"), RECIPIENT);
    const password = `new-${dora.password}`;
    await someisp.keyring.setPassword(dora.accountId, password);
    await someisp.keyring.rekey(dora.accountId);
    stage.release();
    await stage.conclude("re-keyed account: old mail", old, await stage.finalAttempt(old), {
      verdict: "fail revoked",
      align: null,
      rcpt: null,
      reply: "550 5.7.5",
      mailbox: null,
    });
    stage.tell("Dora writes again, with her new password; her provider signs with her new key:");
    const fresh = await stage.submit({ ...dora, password }, fromUser(dora, "That was not me"), RECIPIENT);
    await stage.conclude("re-keyed account: new mail", fresh, await stage.nextAttempt(fresh), {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};

function fromUser(user: User, subject: string): Letter {
  return writeLetter({ from: user.address, to: RECIPIENT, subject, text: "Please read." });
}
