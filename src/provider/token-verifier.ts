import type { TokenSettings } from "../config/index.ts";
import { keysFromFile, keysFromUrl, TokenVerifier } from "../keyring/index.ts";
import type { Network } from "./network.ts";

/** Checks access tokens as the settings say; null where none are taken. */
export function openTokenVerifier(settings: TokenSettings | null, network: Network): TokenVerifier | null {
  if (settings === null) return null;
  const { jwks, ...rest } = settings;
  const authorities = network.ca === null ? null : [network.ca];
  const keys = jwks.kind === "file" ? keysFromFile(jwks.path) : keysFromUrl(jwks.url, authorities);
  return new TokenVerifier({ ...rest, keys });
}
