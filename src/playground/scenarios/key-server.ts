import { hostRecords } from "../network/hosts.ts";
import { STAND_IN } from "../network/plans.ts";
import { writeLetter } from "../stage/letter.ts";
import type { Scenario } from "../stage/scenario.ts";

const RECIPIENT = "bob@dest.test";

export const forwardedQuestion: Scenario = {
  title: "A key server that sends askers on",
  story:
    "someisp.test also hosts branch.test, whose mail host keeps no keys: it greets with -FW and the name of the " +
    "server that has them. That line came in plain text, so the new server has to show a certificate for a name of " +
    "branch.test; it does.",
  play: async (stage) => {
    const erin = await stage.user("erin@branch.test");
    const letter = writeLetter({
      from: erin.address,
      to: RECIPIENT,
      subject: "From the branch",
      text: "All is well.",
    });
    const sent = await stage.submit(erin, letter, RECIPIENT);
    await stage.conclude("key server forwards with -FW", sent, await stage.nextAttempt(sent), {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};

export const keyServerDown: Scenario = {
  title: "A key server that is down",
  story:
    "Nothing answers at the key server of late.test. That proves nothing, neither good nor bad, so dest.test asks " +
    "to be tried again later (451), and the message stays in the sender's queue.",
  play: async (stage) => {
    const fran = await stage.user("fran@late.test");
    const letter = writeLetter({
      from: fran.address,
      to: RECIPIENT,
      subject: "Late",
      text: "Better late than unsigned.",
    });
    const sent = await stage.submit(fran, letter, RECIPIENT);
    await stage.conclude("key server down", sent, await stage.nextAttempt(sent), {
      verdict: "temperror unavailable",
      align: null,
      rcpt: null,
      reply: "451 4.4.3",
      mailbox: null,
    });
    stage.tell(
      "The operator puts a stand-in into DNS under the name that every domain may use, keyserver.late.test. (The " +
        "host that did not answer is left alone for a minute, CCH-4 in spec/.) The queue tries again by itself:",
    );
    stage.network.dns.set(STAND_IN, hostRecords);
    await stage.conclude("key server back: the same message", sent, await stage.finalAttempt(sent), {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    });
  },
};
