import { readFileSync } from "node:fs";

/** Of the package this file is in, whether as source or built. */
export function programVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}
