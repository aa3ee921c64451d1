import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

export const spammer: Scenario = {
  title: "The spammer's own domain",
  story:
    "A spammer does everything right: his own domain, his own mail host, his own key server. The message passes, " +
    "for a pass says who sent it, not that it is welcome. But now it is signed evidence: spam.test cannot deny it, " +
    "cannot pose as others, and has to keep a reachable server for every message. Filters can learn its name.",
  play: async (stage) => {
    const recipient = "bob@dest.test";
    const offers = await stage.user("offers@spam.test");
    const letter = writeLetter({
      from: `Best Offers <${offers.address}>`,
      to: recipient,
      subject: "Only today",
      text: "Buy two, pay three.",
    });
    const sent = await stage.submit(offers, letter, recipient);
    await stage.conclude("spammer's own domain (traceable)", sent, await stage.nextAttempt(sent), {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};
