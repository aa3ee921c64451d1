import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyEdits, type HeaderEdit, parseHeader } from "../message/index.ts";
import { MailServerHeader } from "./test-mail-server-header.ts";
import { accepted, allSteps, startMilter } from "./test-milter-client.ts";

const word = fc.stringMatching(/^[!-~]{1,12}$/);
const text = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));
const value = fc
  .tuple(fc.constantFrom(" ", "", "\t", "  "), fc.array(text, { minLength: 1, maxLength: 3 }))
  .map(([space, lines]) => `${space}${lines.join("\r\n ")}`);
const name = fc.constantFrom("X-A", "x-a", "X-B", "Subject", "To", "Authentication-Results");
const field = fc.tuple(name, value);
const change = fc.record({
  kind: fc.constantFrom("remove", "replace", "prepend"),
  at: fc.nat(),
  value,
  name,
});

test("edits come out as applyEdits has them, however the mail server counts", async () => {
  let expected: { edits: HeaderEdit[]; header: string } = { edits: [], header: "" };
  let changes: { kind: string; at: number; value: string; name: string }[] = [];
  await using milter = await startMilter({
    outcome({ content }) {
      const header = parseHeader(Buffer.from(content.slice(0, content.indexOf("\r\n\r\n") + 2), "latin1"));
      const taken = new Set<number>();
      const edits: HeaderEdit[] = [];
      for (const { kind, at, value, name } of changes) {
        const index = at % header.fields.length;
        const edited = header.fields[index] as (typeof header.fields)[number];
        if (kind === "prepend") edits.push({ kind, octets: Buffer.from(`${name}:${value}\r\n`) });
        else if (taken.has(index)) continue;
        else if (kind === "remove") edits.push({ kind, field: edited });
        else edits.push({ kind: "replace", field: edited, value: Buffer.from(`${value}\r\n`) });
        if (kind !== "prepend") taken.add(index);
      }
      expected = { edits, header: applyEdits(header, edits).toString("latin1") };
      return { ...accepted, edits };
    },
  });
  const clients = await Promise.all(
    [allSteps, allSteps & ~0x100000].map(async (steps) => {
      const client = await milter.connect();
      await client.offer(6, 0x1ff, steps);
      return { client: client.client(), leadingSpace: steps === allSteps };
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { minLength: 1, maxLength: 12 }),
      fc.array(change, { maxLength: 10 }),
      fc.boolean(),
      fc.constantFrom(...clients),
      async (fields, wanted, countsGone, { client, leadingSpace }) => {
        changes = wanted;
        const server = new MailServerHeader(
          fields.map(([name, value]) => [name, value.replaceAll("\r\n", "\n")]),
          { countsGone, leadingSpace },
        );
        client.envelope().say("T");
        await client.hear();
        client.content(server.shown());
        for (const answer of await client.hearUntil("c")) {
          if (answer.letter !== "c") server.carryOut(answer);
        }
        // Without the space behind the colon, one more or less is all that may differ.
        const shape = (octets: string) => (leadingSpace ? octets : octets.replace(/^([^:\s]+): ?/gm, "$1: "));
        assert.equal(shape(server.octets()), shape(expected.header));
      },
    ),
    { numRuns: 400 },
  );
  assert.deepEqual(milter.events, []);
});
