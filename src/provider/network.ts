import { readFileSync } from "node:fs";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import type { NetworkSettings } from "../config/index.ts";
import { MappingDialer } from "../dialer/index.ts";
import { CachingResolver, type Resolver, StubResolver, systemResolver } from "../dns/index.ts";

/** How this installation reaches other hosts. */
export interface Network {
  readonly resolver: Resolver;
  /** The same with a cache of its own, for records that strangers write: what those lead to displaces nothing else. */
  readonly strangersResolver: Resolver;
  readonly dialer: MappingDialer;
  /** PEM text of the certificate authorities trusted besides the system's; null for none. */
  readonly ca: string | null;
}

/** @throws Error when the file of certificate authorities cannot be read */
export function openNetwork(settings: NetworkSettings): Network {
  const resolver =
    settings.resolvers.length > 0 ? new StubResolver({ servers: settings.resolvers }) : systemResolver();
  return {
    resolver: new CachingResolver(resolver),
    strangersResolver: new CachingResolver(resolver),
    dialer: new MappingDialer(settings.connect),
    ca: settings.caFile === null ? null : readFileSync(settings.caFile, "utf8"),
  };
}

/** PEM of all certificate authorities that are trusted; null: those of the system are. */
export function authoritiesOf({ ca }: Network): readonly string[] | null {
  return ca === null ? null : [...getCACertificates("default"), ca];
}

/** The same for TLS connections; undefined: as Node does by itself. */
export function trustOf(network: Network): SecureContext | undefined {
  const authorities = authoritiesOf(network);
  return authorities === null ? undefined : createSecureContext({ ca: [...authorities] });
}
