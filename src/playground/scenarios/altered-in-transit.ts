import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

export const alteredInTransit: Scenario = {
  title: "Altered in transit",
  story:
    "Mail for detour.test goes through a relay (mx.relay.test) in the wrong hands: it turns 100 EUR into 900 EUR and " +
    "passes the message on to dest.test, which hosts the domain. The body no longer fits the signature.",
  play: async (stage) => {
    const recipient = "bob@detour.test";
    const allice = await stage.user("allice@someisp.test");
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: recipient,
      subject: "What I owe you",
      text: "I am sending you 100 EUR.",
    });
    const sent = await stage.submit(allice, letter, recipient);
    await stage.conclude("body altered in transit", sent, await stage.nextAttempt(sent), {
      verdict: "fail body",
      align: null,
      rcpt: null,
      reply: "550 5.7.1",
      mailbox: null,
    });
  },
};
