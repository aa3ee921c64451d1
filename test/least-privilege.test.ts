import assert from "node:assert/strict";
import { test } from "node:test";
import { ReceivingSite } from "./support/receiving-site.ts";

// What a role does not need it does not read, though settings that several hosts share name it.

test("an MX by itself reads no DKIM key", async () => {
  const site = await ReceivingSite.start({
    settings: `roles = ["mx"]
[submission]
dkim = [{ domain = "dest.test", selector = "s", key = "nobody-may-read-this.pem" }]`,
  });
  const { summary } = await site.send("From: a@other.test\r\nTo: bob@dest.test\r\n\r\nx\r\n");
  assert.equal(summary, "250 unsigned");
  await site.stop();
});
