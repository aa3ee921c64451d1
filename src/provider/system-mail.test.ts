import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type NewMessage, QueueStoreError } from "../queue/index.ts";
import type { Vault } from "../signing/index.ts";
import { RoleReportSigner } from "./report-signer.ts";
import { SystemMail } from "./system-mail.ts";
import { openHere } from "./test-here.ts";

let here: Awaited<ReturnType<typeof openHere>>;
let queued: NewMessage[] = [];

before(async () => {
  here = await openHere();
});
after(() => here.close());

const compose = ({ from, id }: { from: string; id: string }): Buffer =>
  Buffer.from(`From: <${from}>\r\nMessage-ID: <${id}@here.test>\r\n\r\nHello.\r\n`);

function mailOf(domain: string, vault: Vault | null, failure: QueueStoreError | null = null): SystemMail {
  queued = [];
  return new SystemMail({
    signer: new RoleReportSigner({
      hostname: "mx.here.test",
      vault,
      ownDomain: "here.test",
      staple: false,
      dkim: new Map(),
    }),
    queue: {
      enqueue: async (messages) => {
        if (failure !== null) throw failure;
        queued.push(...messages);
        return messages.map((_, index) => `id-${index}`);
      },
    },
    domain,
  });
}

test("REP-1: mail to other systems is signed by the domain that it is from, or it is not sent", async () => {
  assert.deepEqual(await mailOf("here.test", here.vault).send("r@other.test", compose), {
    kind: "queued",
    id: "id-0",
  });
  assert.equal(queued.length, 1);
  assert.match(Buffer.from(queued[0]?.prefix ?? []).toString(), /i=mailer-daemon@here\.test/);
  assert.equal(queued[0]?.sender, "");

  const nobody = { kind: "never", detail: "nobody here may sign as mailer-daemon of else.test" };
  assert.deepEqual(await mailOf("else.test", here.vault).send("r@other.test", compose), nobody);
  assert.equal((await mailOf("here.test", null).send("r@other.test", compose)).kind, "never");
  assert.deepEqual(queued, []);
});

test("a vault that is away, a queue that is full: another time", async () => {
  const away = { assert: async () => ({ kind: "unavailable", cause: new Error("no answer") }) };
  assert.deepEqual(await mailOf("here.test", away as never).send("r@other.test", compose), {
    kind: "later",
    detail: "no answer",
  });
  const full = new QueueStoreError("full", "no space");
  assert.deepEqual(await mailOf("here.test", here.vault, full).send("r@other.test", compose), {
    kind: "later",
    detail: "queue store: no space",
  });
});
