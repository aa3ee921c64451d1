import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import { MappingDialer } from "../dialer/index.ts";
import type { Resolver } from "../dns/index.ts";
import { makeCertificate } from "../transport-security/test-certificates.ts";
import { packAggregateReport, postReport } from "./index.ts";
import { report } from "./test-reports.ts";

const authority = await makeCertificate(["Authority"], { authority: true });
const certificate = await makeCertificate(["reports.test"], { issuer: authority });
const packed = packAggregateReport(report());

async function post(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: {
    readonly url?: string;
    readonly address?: string;
    readonly allowPrivateAddresses?: boolean;
  } = {},
  ended?: AbortSignal,
): Promise<string | null> {
  const server = createServer({ cert: certificate.cert, key: certificate.key }, answer).listen(
    0,
    "127.0.0.1",
  );
  t.after(() => server.close().closeAllConnections());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const records = [options.address ?? "127.0.0.1"];
  const resolver = {
    addresses: async () => ({ kind: "records", records, authenticated: false, ttlSeconds: 1 }),
  } as Partial<Resolver> as Resolver;
  return postReport(
    new URL(options.url ?? "https://reports.test/in?d=1"),
    packed,
    {
      resolver,
      dialer: new MappingDialer(new Map([["reports.test:443", { host: "127.0.0.1", port }]])),
      secureContext: createSecureContext({ ca: authority.cert }),
      allowPrivateAddresses: options.allowPrivateAddresses ?? true,
      timeoutMs: 300,
    },
    ended,
  );
}

test("REP-1: https POST, to who proves the name, at public addresses, within a time", async (t) => {
  const got: unknown[] = [];
  const taken = await post(t, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { host, "content-type": type, "content-length": length } = request.headers;
    got.push(request.method, request.url, host, type, length, Buffer.concat(chunks).equals(packed));
    response.writeHead(202).end("thanks");
  });
  assert.equal(taken, null);
  const type = "application/vsmtp-report+gzip";
  assert.deepEqual(got, ["POST", "/in?d=1", "reports.test", type, String(packed.length), true]);

  assert.equal(await post(t, (_, response) => response.writeHead(503).end()), "reports.test answered 503");
  const moved = await post(t, (_, response) =>
    response.writeHead(307, { location: "https://127.0.0.1/" }).end(),
  );
  assert.equal(moved, "reports.test answered 307");
  assert.equal(await post(t, () => {}), "out of time");
  assert.equal(await post(t, () => {}, {}, AbortSignal.timeout(50)), "out of time");
  const long = await post(t, (_, response) => response.writeHead(200).end(Buffer.alloc(100_000)));
  assert.match(String(long), /larger than 65536 octets/);
  const wrong = await post(t, (_, response) => response.end(), { url: "https://other.test/" });
  assert.match(String(wrong), /cannot connect|no certificate for other\.test/);
  const inside = await post(t, (_, response) => response.end(), {
    address: "10.0.0.1",
    allowPrivateAddresses: false,
  });
  assert.equal(inside, "reports.test has no address that can be used");
});
