import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { NeighbourResults } from "../neighbours/index.ts";
import { keys, questionAbout, World } from "../neighbours/test-world.ts";
import { DkimSigner } from "../signature/index.ts";
import { octetsOf, openSite, PASS, RECEIVED, recordedField } from "./test-site.ts";

// CUS-7: what is passed on vouches, for whoever knows ARC, for what our border saw.

const world = new World();
before(async () => {
  await world.start();
  world.publish("here.test");
});
after(() => world.dns.close());

const dkim = new Map([
  [
    "here.test",
    [
      new DkimSigner({ domain: "here.test", selector: "ed", key: keys.ed25519 }),
      new DkimSigner({ domain: "here.test", selector: "rsa", key: keys.rsa }),
    ],
  ],
]);
const options = {
  forwards: { bob: { to: ["bob@end.test"], keep: false } },
  lists: { team: { subjectPrefix: "[team]", from: "sender" } },
  forwarding: { dkim },
} as const;

async function seenBehind(octets: Buffer): Promise<NeighbourResults> {
  return (await world.check()).check(questionAbout(octets, { reversePath: "anna@far.test" }));
}

test("a forward and a post to a list are sealed with the RSA key of our domain", async (t) => {
  const { letter, expand } = await openSite(t, options);
  const recorded = `${PASS};\r\n dmarc=pass header.from=far.test`;
  for (const address of ["bob@here.test", "team@here.test"]) {
    const { result, messages } = await expand(address, await letter({ to: address, recorded }));
    assert.equal(result.kind, "delivered", result.text);
    for (const message of messages) {
      const octets = await octetsOf(message);
      assert.match(octets.toString("latin1"), /^ARC-Seal: i=1; a=rsa-sha256; d=here\.test; s=rsa;/m);
      assert.deepEqual((await seenBehind(octets)).arc, {
        result: "pass",
        sealers: ["here.test"],
        recordedPass: { vsmtp: true, dmarc: true },
      });
    }
  }
});

test("a chain is gone on with where our border found that it holds, and left alone elsewhere", async (t) => {
  const { letter, expand } = await openSite(t, options);
  const forwarded = async (octets: Buffer): Promise<Buffer> => {
    const { messages } = await expand("bob@here.test", octets);
    return octetsOf(messages[0] as never);
  };
  const withoutTrace = (octets: Buffer) =>
    Buffer.from(octets.toString("latin1").replaceAll(/^Delivered-To.*\r\n/gm, ""), "latin1");
  const once = withoutTrace(await forwarded(await letter({ to: "bob@here.test" })));
  const again = (results: string) => Buffer.concat([Buffer.from(recordedField(results) + RECEIVED), once]);
  const twice = await forwarded(again(`${PASS};\r\n arc=pass smtp.remote-ip=192.0.2.1`));
  assert.deepEqual((await seenBehind(twice)).arc.sealers, ["here.test", "here.test"]);
  for (const results of [`${PASS};\r\n arc=fail`, `${PASS};\r\n arc=temperror`, PASS]) {
    const octets = await forwarded(again(results));
    assert.doesNotMatch(octets.toString("latin1"), /i=2/, results);
  }
});

test("without a DKIM key, or where no border of ours saw the message, nothing is sealed", async (t) => {
  const unsigned = await openSite(t, { ...options, forwarding: {} });
  const { letter, expand } = await openSite(t, options);
  const messages = [
    (await unsigned.expand("bob@here.test", await unsigned.letter({ to: "bob@here.test" }))).messages,
    (await expand("bob@here.test", await letter({ to: "bob@here.test", recorded: null }))).messages,
  ];
  for (const [message] of messages) {
    assert.doesNotMatch((await octetsOf(message as never)).toString("latin1"), /^ARC-/m);
  }
});
