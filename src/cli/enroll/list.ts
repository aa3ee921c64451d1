import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { isoDate } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";
import { enrolmentFields, enrolmentObject, proofText } from "./enrolment-object.ts";

export function defineList(parent: Command, done: Done): void {
  administer(parent.command("list").description("list the enrolled submission servers"), done, {
    examples: [["vsmtp enroll list", "who may have what signed"]],
    json: enrolmentFields,
    async run({ keyring, printer }) {
      await printer.printAll(await keyring.enrolments(), {
        json: enrolmentObject,
        columns: [
          { heading: "NAME", cell: ({ name }) => name },
          { heading: "PROVED BY", cell: proofText },
          { heading: "FOR", cell: ({ scope }) => scope.join(" "), yields: true },
          {
            heading: "MODES",
            cell: ({ modes, mayAssert }) => [...modes, ...(mayAssert ? ["assert"] : [])].join(" "),
          },
          { heading: "SINCE", cell: ({ createdAt }) => isoDate(createdAt) },
        ],
        nothing: "no submission server is enrolled",
      });
    },
  });
}
