import { writeLetter } from "../stage/letter.ts";
import type { Outcome } from "../stage/outcome.ts";
import type { Scenario } from "../stage/scenario.ts";

const UNSIGNED = { verdict: "none", align: null, rcpt: null } as const;

const STAGES: readonly [recipient: string, stage: string, expected: Outcome][] = [
  ["bob@observe.dest.test", "observe", { ...UNSIGNED, reply: "250 2.0.0", mailbox: "tagged" }],
  ["bob@dest.test", "enforce", { ...UNSIGNED, reply: "250 2.0.0", mailbox: "inbox" }],
  ["bob@require.dest.test", "require", { ...UNSIGNED, reply: "550 5.7.1", mailbox: null }],
];

export const unsignedMail: Scenario = {
  title: "Unsigned mail of a domain without policy",
  story:
    "legacy.test does not sign and says nothing about it in DNS, as most of the world today. What becomes of its " +
    "mail is for each receiver to say: to begin with it observes (tags), then enforces (only what is proved false " +
    "is refused), and in the end it may require signatures of everybody.",
  play: async (stage) => {
    for (const [recipient, name, expected] of STAGES) {
      const letter = writeLetter({
        from: "Otto <otto@legacy.test>",
        to: recipient,
        subject: "As always",
        text: "Nothing new here.",
      });
      stage.tell(`At the stage ${name}:`);
      const attempt = await stage.sendFromOutside(letter.octets, {
        helo: "mx.legacy.test",
        reversePath: "otto@legacy.test",
        recipient,
      });
      await stage.conclude(`unsigned, no policy: ${name}`, { letter, recipient }, attempt, expected);
    }
  },
};
