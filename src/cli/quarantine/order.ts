import type { Command } from "commander";
import { defineOrder, type Verb } from "../queue/order.ts";
import type { Done } from "../run-command.ts";
import { writeDown } from "../write-down.ts";
import { inQuarantine } from "./choice.ts";

const verbs: Readonly<Record<"release" | "delete", Verb>> = {
  release: {
    summary: "deliver messages after all",
    about: [
      "They go to the mailboxes they were for, not into Junk, with a field X-VSMTP-Quarantine on top that tells since when they were held and why. A running server delivers them within seconds.",
    ],
    examples: [
      ["vsmtp quarantine release 1M85MSH588YTNX5W", "its recipient asked for it"],
      [
        "vsmtp quarantine release --from @lists.example.net --reason body",
        "a mailing list that alters what it passes on",
      ],
    ],
    outcome: { one: "is released", many: "are released" },
    order: () => ({ kind: "release" }),
    note: (config, messages, at) => writeDown(config, messages, "released", { from: "quarantine", at }),
  },
  delete: {
    summary: "delete messages before their time is over",
    about: ["Nobody is told, and nothing is kept but the mail log's entry."],
    examples: [["vsmtp quarantine delete --from @spam.example --before 7d", "what nobody asked for"]],
    asks: true,
    outcome: { one: "is deleted", many: "are deleted" },
    order: () => ({ kind: "remove" }),
    note: (config, messages, at) => writeDown(config, messages, "removed", { from: "quarantine", at }),
  },
};

/** `vsmtp quarantine release` and `delete`. */
export function defineOrders(parent: Command, done: Done): void {
  for (const [name, verb] of Object.entries(verbs)) defineOrder(parent, done, name, verb, inQuarantine);
}
