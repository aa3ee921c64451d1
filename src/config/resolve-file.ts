import { resolve } from "node:path";
import type { StoreSource } from "./config.ts";
import type { SecretSource } from "./next-hop.ts";

/** A file's path becomes absolute. */
export function resolveFile<Source extends StoreSource | SecretSource>(
  source: Source,
  folder: string,
): Source {
  return source.kind === "file" ? { ...source, path: resolve(folder, source.path) } : source;
}
