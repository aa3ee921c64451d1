import { join } from "node:path";
import type { User } from "../network/installation.ts";
import { type Letter, writeLetter } from "../stage/letter.ts";
import { findMail } from "../stage/mailbox.ts";
import type { Outcome } from "../stage/outcome.ts";
import type { Scenario } from "../stage/scenario.ts";
import type { Stage } from "../stage/stage.ts";

const RECIPIENT = "bob@dest.test";
/** At a plain server that forwards his mail to {@link RECIPIENT}, later. */
const FORWARDED = "otto@legacy.test";

const HELD: Outcome = { verdict: null, align: null, rcpt: null, reply: null, mailbox: null };

export const suspended: Scenario = {
  title: "A hijacked account is suspended",
  story:
    "Somebody has Carl's password and sends spam with it. One message has reached legacy.test, another is signed and " +
    "still in the queue, since the DNS of dest.test is down, when the provider notices and suspends the account. From " +
    "then on nobody can log in to it, what waits in the queue is held, and the key server answers st=suspended: what " +
    "had left before is refused wherever it arrives.",
  play: async (stage) => {
    const { someisp } = stage.network;
    const carl = await stage.user("carl@someisp.test");
    const forward = await sendToForwarder(stage, carl, "Congratulations");
    const queued = await stage.submitAndHold(carl, fromUser(carl, "Congratulations"), RECIPIENT);
    await someisp.keyring.suspend(carl.accountId);

    const letter = fromUser(carl, "Congratulations again");
    const refused = await stage.submit(carl, letter, RECIPIENT);
    await stage.conclude("suspended account: login", refused, stage.refusal(refused), {
      ...HELD,
      reply: "550 5.7.1",
    });
    await stage.conclude("suspended account: queued mail", queued, await stage.stopped(queued), HELD);
    stage.release();
    stage.tell(`What had left before: legacy.test forwards it to ${RECIPIENT}, and dest.test verifies it:`);
    await forward("suspended account: mail under way", {
      ...HELD,
      verdict: "fail suspended",
      reply: "550 5.7.5",
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
    "A thief sent mail with Dora's account; it waits in the queue, and at a server that forwards it. The provider gives her " +
    "a new password and a new key pair and revokes the old key. When he signed no longer matters: the old mail is held " +
    "or refused, and Dora's new mail passes at once.",
  play: async (stage) => {
    const { someisp } = stage.network;
    const dora = await stage.user("dora@someisp.test");
    const forward = await sendToForwarder(stage, dora, "Lend me money");
    const old = await stage.submitAndHold(dora, fromUser(dora, "Lend me money"), RECIPIENT);
    const password = `new-${dora.password}`;
    await someisp.keyring.setPassword(dora.accountId, password);
    await someisp.keyring.rekey(dora.accountId);
    await stage.conclude("re-keyed account: queued mail", old, await stage.stopped(old), HELD);
    stage.release();
    await forward("re-keyed account: mail under way", {
      ...HELD,
      verdict: "fail revoked",
      reply: "550 5.7.5",
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

/** Delivers a message to a server that does not look at it. @returns has that server forward it, and concludes */
async function sendToForwarder(
  stage: Stage,
  user: User,
  subject: string,
): Promise<(title: string, expected: Outcome) => Promise<void>> {
  const letter = fromUser(user, subject, FORWARDED);
  const sent = await stage.submit(user, letter, FORWARDED);
  await stage.nextAttempt(sent);
  const { legacy } = stage.network;
  const mail = await findMail(join(legacy.folder, "otto"), letter.messageId);
  if (mail === null) throw new Error(`the message to ${FORWARDED} has not arrived`);
  return async (title, expected) => {
    const octets = mail.octets.subarray(mail.octets.indexOf("VSMTP-Signature:"));
    const attempt = await stage.sendFromOutside(octets, {
      helo: legacy.hostname,
      reversePath: FORWARDED,
      recipient: RECIPIENT,
    });
    await stage.conclude(title, { letter, recipient: RECIPIENT }, attempt, expected);
  };
}

function fromUser(user: User, subject: string, to = RECIPIENT): Letter {
  return writeLetter({ from: user.address, to, subject, text: "Please read." });
}
