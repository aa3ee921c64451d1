import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

export const honestMail: Scenario = {
  title: "Honest mail",
  story:
    "Allice hands a message to her provider as ever: user name, password, TLS. The provider signs it with the key " +
    "of her account. The mail host of dest.test finds the key server of someisp.test through DNS, fetches her " +
    "public key and verifies, before it says that it takes the message.",
  play: async (stage) => {
    const allice = await stage.user("allice@someisp.test");
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: "bob@dest.test",
      subject: "Lunch?",
      text: "Noon at the usual place?",
    });
    const sent = await stage.submit(allice, letter, "bob@dest.test");
    await stage.conclude("honest mail", sent, await stage.nextAttempt(sent), {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
    stage.tell(
      "align=from: the account that signed is the author in From. rcpt=match: it was signed for this recipient. " +
        "trust: the key server has proved that it speaks for the domain, or else at least for its host.",
    );
  },
};
