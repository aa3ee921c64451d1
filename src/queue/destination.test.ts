import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { destinationOf, splitByDestination } from "./destination.ts";
import { DestinationRests, usualRests } from "./destination-rests.ts";
import { newMessage } from "./test-messages.ts";

const hostname = "mail.here.test";

test("recipients of one domain, however it is written, have one destination", () => {
  for (const [address, destination] of [
    ["b@dest.test", "dest.test"],
    ["b@DEST.Test", "dest.test"],
    ['"a@b"@dest.test', "dest.test"],
    ["b@bücher.test", "xn--bcher-kva.test"],
    ["b@XN--BCHER-kva.test", "xn--bcher-kva.test"],
    ["b@[127.0.0.1]", "[127.0.0.1]"],
    ["b@[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"],
    ["b@no_domain", "no_domain"],
    ["Postmaster", hostname],
  ] as const) {
    equal(destinationOf(address, hostname), destination, address);
  }
});

test("a message is split by destination; all recipients are there once, the first part keeps the id", () => {
  const addresses = fc.array(fc.constantFrom("a@x.test", "b@x.test", "a@Y.test", "c@y.test", "d@z.test"), {
    minLength: 1,
  });
  fc.assert(
    fc.property(addresses, (given) => {
      const message = newMessage({ id: "ID", recipients: given });
      const parts = splitByDestination(message, hostname);
      deepEqual(
        parts.flatMap(({ recipients }) => recipients.map(({ address }) => address)).sort(),
        [...given].sort(),
      );
      equal(new Set(parts.map(({ destination }) => destination)).size, parts.length);
      for (const part of parts) {
        for (const { address } of part.recipients) equal(destinationOf(address, hostname), part.destination);
        equal(part.content, message.content, "the content is shared");
      }
      deepEqual(
        parts.map(({ id }) => id),
        parts.map((_, index) => (index === 0 ? "ID" : undefined)),
      );
    }),
  );
  throws(() => splitByDestination(newMessage({ recipients: [] }), hostname), RangeError);
});

test("a destination rests twice as long each time, an hour at most, and counts once what fails together", () => {
  const rests = new DestinationRests(usualRests(() => 0.5));
  let now = 1e12;
  const minutes: number[] = [];
  for (let failures = 1; failures <= 8; failures++) {
    const change = rests.failed("dest.test", "no route", now);
    equal(change?.failures, failures);
    equal(change?.failure, "no route");
    const until = change?.restsUntil ?? 0;
    minutes.push((until - now) / 60_000);
    equal(rests.failed("dest.test", "no route either", until - 1), null, "was under way meanwhile");
    equal(rests.isResting("dest.test", until - 1), true);
    equal(rests.isResting("dest.test", until), false);
    equal(rests.isFine("dest.test"), false, "on trial");
    now = until;
  }
  deepEqual(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
  deepEqual(rests.worked("dest.test"), {
    destination: "dest.test",
    restsUntil: null,
    failures: 0,
    failure: null,
  });
  equal(rests.worked("dest.test"), null, "nothing to record");
  equal(rests.isFine("dest.test"), true);
});

test("what the store knows of a destination is gone on from", () => {
  const rests = new DestinationRests(usualRests(() => 0.5));
  rests.note("dest.test", 3);
  equal(rests.isFine("dest.test"), false);
  equal(rests.isResting("dest.test", 1e12), false);
  equal(rests.failed("dest.test", "no route", 1e12)?.failures, 4);
  rests.note("dest.test", 2);
  equal(rests.isResting("dest.test", 1e12 + 1), true, "older knowledge ends no rest");
  rests.note("dest.test", 0);
  equal(rests.isFine("dest.test"), true, "an operator's order or another process ended it");
});
