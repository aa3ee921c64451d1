import { existsSync } from "node:fs";
import { join } from "node:path";
import { missingMountNamespace } from "./own-view.ts";

/** Where `.ci/unpack-peers` puts the mail servers that cannot be installed beside Postfix. */
const folder = process.env.VSMTP_PEERS ?? join(import.meta.dirname, "../../../.peers");

/** A file of an unpacked server. */
export function unpacked(file: string): string {
  return join(folder, file);
}

/** Why it cannot be run here, as the reason to skip a test; false when it can. */
export function missingUnpacked(name: string, file: string): string | false {
  return existsSync(unpacked(file)) ? false : `peer: ${name} is not there (.ci/unpack-peers gets it)`;
}

/** The same for one that runs in a view of its own. */
export function missingInOwnView(name: string, file: string): string | false {
  return missingUnpacked(name, file) || missingMountNamespace(name);
}
