import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * A secret that systemd gives to this service alone (`LoadCredentialEncrypted=`): its directory and files have modes of
 * their own. Null when there is none of that name.
 */
export async function readSystemdCredential(
  name: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | null> {
  const directory = environment.CREDENTIALS_DIRECTORY;
  if (directory === undefined) return null;
  try {
    return await readFile(join(directory, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
