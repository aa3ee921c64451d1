import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

const RECIPIENT = "bob@dest.test";

export const redirect: Scenario = {
  title: "A redirect",
  story:
    "Bob had an account at someisp.test before, and what comes there is passed on to dest.test. The message stays as it " +
    "is, and his old address signs that it passed it on: a second level above Allice's signature. Without it this would " +
    "look like a replay; now dest.test knows both, the author and who answers for the way.",
  play: async (stage) => {
    const allice = await stage.user("allice@someisp.test");
    await stage.user("bob-before@someisp.test");
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: "bob-before@someisp.test",
      subject: "Are you still there?",
      text: "I only have your old address.",
    });
    const sent = await stage.submit(allice, letter, "bob-before@someisp.test");
    const attempt = await stage.passedOn(sent, RECIPIENT);
    await stage.conclude("passed on by his old address", { letter, recipient: RECIPIENT }, attempt, {
      verdict: "pass",
      align: "from",
      rcpt: "forwarded",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};

export const mailingList: Scenario = {
  title: "A mailing list",
  story:
    "The choir's list puts its name before every subject, so no signature of an author can hold. It takes Allice's away and " +
    "signs as choir@someisp.test; and since her domain wants unsigned mail refused, it writes itself into From, and her " +
    "name beside it.",
  play: async (stage) => {
    const allice = await stage.user("allice@someisp.test");
    await stage.user("choir@someisp.test");
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: "choir@someisp.test",
      subject: "Rehearsal",
      text: "On Thursday, as always.",
    });
    const sent = await stage.submit(allice, letter, "choir@someisp.test");
    const attempt = await stage.passedOn(sent, RECIPIENT);
    await stage.conclude("sent by a mailing list", { letter, recipient: RECIPIENT }, attempt, {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};
