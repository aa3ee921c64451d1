import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

export const replay: Scenario = {
  title: "Replay to another recipient",
  story:
    "Somebody takes a message that Allice really sent to Bob and sends it, unchanged, to Eve. The signature holds, " +
    "but it is bound to its recipients, and Eve is not among them: rcpt=mismatch. Innocent forwarding looks the " +
    "same, so the message is not refused for this; but a filter should now weigh the host that sent it rather " +
    "than Allice's good name.",
  play: async (stage) => {
    const allice = await stage.user("allice@someisp.test");
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: "bob@dest.test",
      subject: "Just for you",
      text: "This is for Bob.",
    });
    const sent = await stage.submit(allice, letter, "bob@dest.test");
    const mail = await stage.delivered(await stage.nextAttempt(sent), "bob@dest.test", letter);
    if (mail === null) throw new Error("the message to be replayed has not arrived");
    const recipient = "eve@dest.test";
    const octets = mail.octets.subarray(mail.octets.indexOf("VSMTP-Signature:"));
    const attempt = await stage.sendFromOutside(octets, {
      helo: "dialup-7.elsewhere.test",
      reversePath: "somebody@elsewhere.test",
      recipient,
    });
    await stage.conclude("replay to another recipient", { letter, recipient }, attempt, {
      verdict: "pass",
      align: "from",
      rcpt: "mismatch",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};
