import { MappingDialer } from "../dialer/index.ts";
import { CachingResolver, StubResolver, systemResolver } from "../dns/index.ts";

import { KeyLookup } from "../key-lookup/index.ts";
import { readNamedFile } from "./arguments.ts";
import type { NetworkOptions } from "./network-options.ts";

/** A key lookup over the network, as the command line wants it. */
export function openKeyLookup({ resolver, ca, connect }: NetworkOptions): KeyLookup {
  const servers = resolver?.map(({ host, port }) => ({ address: host, port }));
  const everywhere = connect && new Map([["*", connect]]);
  return new KeyLookup({
    resolver: new CachingResolver(servers ? new StubResolver({ servers }) : systemResolver()),
    ca: ca?.map((file) => readNamedFile(file).toString("utf8")) ?? [],
    // A closed test network is what these options are for: its addresses are its own affair (TRU-10).
    ...(everywhere ? { dialer: new MappingDialer(everywhere), allowPrivateAddresses: true } : {}),
  });
}
