import assert from "node:assert/strict";
import { test } from "node:test";
import { ReceivingSite } from "./support/receiving-site.ts";

test("results in the name of another host of ours are no stranger's to write (REC-2)", async () => {
  const site = await ReceivingSite.start({
    config: (config) => ({ ...config, mx: { ...config.mx, otherHosts: ["mx2.dest.test"] } }),
  });
  const results = (host: string) => `Authentication-Results: ${host}; vsmtp=pass header.i=ceo@bank.test\r\n`;
  const forged = ["mx2.dest.test", "MX2.Dest.test 1", '"mx2.dest.test"', "mx.dest.test"]
    .map(results)
    .join("");
  const letter = "From: a@other.test\r\nTo: bob@dest.test\r\nSubject: mark-other\r\n\r\nx\r\n";
  await site.send(`${forged}${results("mx.elsewhere.test")}${letter}`);
  const stored = await site.stored("mark-other");
  assert.deepEqual(
    [...stored.matchAll(/^Authentication-Results: (\S+);/gim)].map(([, host]) => host),
    ["mx.dest.test", "mx.elsewhere.test"],
  );
  assert.match(stored, /^Authentication-Results: mx\.dest\.test;\r?\n vsmtp=none/im);
  await site.stop();
});
