import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHeader } from "../message/index.ts";
import { accepted, allSteps, type Recorded, startMilter } from "./test-milter-client.ts";

test("an outcome: edits from the last to the first, new fields above all, a new body in portions", async () => {
  const body = `${"x".repeat(70_000)}\r\n`;
  await using milter = await startMilter({
    outcome({ content }) {
      const header = parseHeader(Buffer.from(content.slice(0, content.indexOf("\r\n\r\n") + 2)));
      const [first, subject, second, third] = header.fields as [never, never, never, never];
      return {
        answer: { kind: "accept" },
        edits: [
          { kind: "remove", field: first },
          { kind: "prepend", octets: Buffer.from("Lower: 1\r\nDATE: now\r\nLowest: 2\r\n\tfolded\r\n") },
          { kind: "replace", field: subject, value: Buffer.from(" [x] hello\r\n there\r\n") },
          { kind: "remove", field: third },
          { kind: "replace", field: second, value: Buffer.from("\r\n") },
          { kind: "prepend", octets: Buffer.from("Top:3\r\n") },
        ],
        body: (async function* () {
          yield Buffer.from(body.slice(0, 100));
          yield Buffer.from(body.slice(100));
        })(),
        quarantine: "because of ü",
      };
    },
  });
  for (const [steps, space] of [
    [allSteps, " "],
    [0xfff, ""],
  ] as const) {
    const client = await milter.connect();
    await client.offer(6, 0x1ff, steps);
    client.client().envelope();
    client.say("T").content([
      ["x-A", " 1"],
      ["Subject", " hello"],
      ["X-a", " 2"],
      ["X-A", " 3"],
    ]);
    const heard = await client.hearUntil("a");
    const changes = heard
      .filter(({ letter }) => letter !== "c")
      .map(({ letter, data }) => [letter, data.toString("latin1")]);
    const bodies = changes.filter(([letter]) => letter === "b");
    assert.equal(bodies.map(([, data]) => data).join(""), body);
    assert.ok(bodies.every(([, data]) => (data as string).length <= 65_535));
    assert.deepEqual(changes.slice(bodies.length), [
      ["m", "\0\0\0\x03X-A\0\0"],
      ["m", "\0\0\0\x02X-a\0 \0"],
      ["m", `\0\0\0\x01Subject\0${space}[x] hello\n there\0`],
      ["m", "\0\0\0\x01x-A\0\0"],
      ["i", `\0\0\0\0Lowest\0${space}2\n\tfolded\0`],
      ["h", `DATE\0${space}now\0`], // Sendmail has one of its own, else
      ["i", `\0\0\0\0Lower\0${space}1\0`],
      ["i", "\0\0\0\0Top\0" + "3\0"],
      ["q", "because of ?\0"],
      ["a", ""],
    ]);
  }
  assert.deepEqual(milter.events, []);
});

test("refused or discarded, a message is not changed", async () => {
  for (const answer of [
    { kind: "discard" },
    { kind: "refuse", reply: { code: 550, enhanced: "5.7.1", text: "no" } },
  ] as const) {
    await using milter = await startMilter({
      outcome: () => ({
        answer,
        edits: [{ kind: "prepend", octets: Buffer.from("A: b\r\n") }],
        // biome-ignore lint/correctness/useYield: nobody asks
        body: (async function* () {
          assert.fail("nobody wants it");
        })(),
        quarantine: "x",
      }),
    });
    const client = await milter.connect();
    await client.offer();
    client.client().envelope().say("T").content([]);
    const heard = await client.hearUntil("d", "y");
    assert.equal(heard.length, 2);
  }
});

const unfit: readonly (readonly [string, (message: Recorded) => Partial<typeof accepted>, number?])[] = [
  [
    "a field that is not there",
    () => ({ edits: [{ kind: "remove", field: { name: "x", start: 3, valueStart: 4, end: 9 } }] }),
  ],
  ["no field", () => ({ edits: [{ kind: "prepend", octets: Buffer.from("no field") }] })],
  ["an injection", () => ({ edits: [{ kind: "prepend", octets: Buffer.from("A: b\nC: d\r\n") }] })],
  ["NUL in a value", () => ({ edits: [{ kind: "prepend", octets: Buffer.from("A: \0\r\n") }] })],
  [
    "a field too long",
    () => ({ edits: [{ kind: "prepend", octets: Buffer.from(`A: ${"x".repeat(66_000)}\r\n`) }] }),
  ],
  ["an empty body", () => ({ body: (async function* () {})() })],
  [
    "a body that fails",
    () => ({
      // biome-ignore lint/correctness/useYield: it fails before
      body: (async function* () {
        throw new Error("disk");
      })(),
    }),
  ],
  ["no reply", () => ({ answer: { kind: "refuse", reply: { code: 250, enhanced: "2.0.0", text: "" } } })],
  [
    "a reply of two classes",
    () => ({ answer: { kind: "refuse", reply: { code: 550, enhanced: "4.0.0", text: "" } } }),
  ],
  ["quarantine where there is none", () => ({ quarantine: "x" }), 0x13],
  [
    "new fields where there are none",
    () => ({ edits: [{ kind: "prepend", octets: Buffer.from("A: b\r\n") }] }),
    0x32,
  ],
  [
    "another body where there is none",
    () => ({
      body: (async function* () {
        yield Buffer.from("x");
      })(),
    }),
    0x31,
  ],
];

for (const [what, outcome, actions] of unfit) {
  test(`an outcome that cannot be carried out is 451 and an event: ${what}`, async () => {
    await using milter = await startMilter({ outcome: (message) => ({ ...accepted, ...outcome(message) }) });
    const client = await milter.connect();
    await client.offer(6, actions ?? 0x1ff);
    client
      .client()
      .envelope()
      .say("T")
      .content([["A", " 1"]]);
    const heard = await client.hearUntil("y");
    assert.equal(heard.at(-1)?.data.toString(), "451 4.3.0 Local error, try again later\0");
    assert.deepEqual(
      milter.events.map((event) => event.kind),
      ["handler-failed"],
    );
    // The next message is as any other.
    client.say("A").envelope().say("T").content([]);
    assert.equal((await client.hearUntil("y", "c")).at(-1)?.letter, "c");
  });
}

test("a handler that throws or rejects, at any of its methods, is 451 and an event", async () => {
  const failures = { rcpt: "y", begin: "y", write: "cy", finish: "cy" } as const;
  for (const [method, letters] of Object.entries(failures)) {
    for (const later of [false, true]) {
      const fail = (): never => {
        if (later) return Promise.reject(new Error("broken")) as never;
        throw new Error("broken");
      };
      await using milter = await startMilter({
        ...(method === "rcpt" ? { methods: { rcpt: fail } } : {}),
        ...(method === "begin" ? { methods: { begin: fail } } : {}),
        ...(method === "write" ? { write: fail } : {}),
        ...(method === "finish" ? { outcome: fail } : {}),
      });
      const client = await milter.connect();
      await client.offer();
      client.client().envelope();
      if (method !== "rcpt") client.say("T");
      if (letters.startsWith("c")) client.content([["A", " 1"]], "x");
      const heard = await client.hearUntil("y");
      assert.equal(heard.map(({ letter }) => letter).join(""), letters, method);
      assert.match(heard.at(-1)?.data.toString() ?? "", /^451 4\.3\.0/);
      assert.deepEqual(
        milter.events.map((event) => event.kind === "handler-failed" && [event.method, String(event.cause)]),
        [[method, "Error: broken"]],
      );
      if (method === "write") assert.equal(milter.messages[0]?.fate, "aborted");
    }
  }
});
