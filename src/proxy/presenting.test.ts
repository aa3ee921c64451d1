import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionInfo } from "../smtp/index.ts";
import { clientIdentity, presentingOf } from "./presenting.ts";
import type { Sender } from "./senders.ts";

const session: SessionInfo<Sender> = {
  id: "s",
  remoteAddress: "192.0.2.1",
  remotePort: 4000,
  localPort: 25,
  proxiedBy: null,
  told: null,
  helo: "client.test",
  protocol: "ESMTP",
  tls: null,
  user: null,
};

test("a client is told by an address that means the same at the next hop, or not at all", () => {
  const told = (remoteAddress: string) => {
    const identity = clientIdentity({ ...session, remoteAddress }, null);
    return presentingOf("proxy-v1", identity, 25)?.proxyHeader?.connection?.source.address ?? null;
  };
  assert.equal(told("192.0.2.1"), "192.0.2.1");
  assert.equal(told("2001:DB8:0::1"), "2001:db8::1");
  assert.equal(told("fe80::1%eth0"), null);
});
