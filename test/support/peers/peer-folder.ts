import { chmodSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary folder that other users can get into: mail servers give up root's rights. */
export function makePeerFolder(name: string, subfolders: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), `vsmtp-${name}-`));
  chmodSync(folder, 0o755);
  for (const subfolder of subfolders) mkdirSync(join(folder, subfolder), { recursive: true });
  return folder;
}
