import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { type MasterKey, MasterKeyError, newMasterKeyText, parseMasterKey } from "./master-key.ts";
import { readSystemdCredential } from "./systemd-credential.ts";

/**
 * Where the master key comes from; each holds the same line of text. A file is made at first use. A credential is
 * systemd's (`LoadCredentialEncrypted=`), which keeps it encrypted on the disk, bound to the machine. An environment
 * variable suits containers; it is removed from the environment once it is read, so that no child process
 * inherits it.
 */
export type MasterKeySource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "credential"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string };

/** @throws MasterKeyError when there is none, or it cannot be used */
export async function loadMasterKey(
  source: MasterKeySource,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<MasterKey> {
  const key = parseMasterKey(await readText(source, environment));
  if (key !== null) return key;
  throw new MasterKeyError(
    `${nameOf(source)} is not a master key; restore it from the backup, never make a new one`,
  );
}

function readText(source: MasterKeySource, environment: NodeJS.ProcessEnv): Promise<string> {
  if (source.kind === "file") return readFileOrCreate(source.path);
  if (source.kind === "credential") return readCredential(source.name, environment);
  return takeVariable(source.name, environment);
}

async function takeVariable(name: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const text = environment[name];
  delete environment[name];
  if (text === undefined) throw new MasterKeyError(`the environment variable ${name} is not set`);
  return text;
}

async function readCredential(name: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const text = await readSystemdCredential(name, environment);
  if (text !== null) return text;
  throw new MasterKeyError(
    `there is no systemd credential "${name}"; its unit needs LoadCredentialEncrypted=${name}`,
  );
}

function nameOf(source: MasterKeySource): string {
  if (source.kind === "file") return source.path;
  if (source.kind === "credential") return `the systemd credential "${source.name}"`;
  return `the environment variable ${source.name}`;
}

/** The file has mode 0600. Safe when several processes start at once. */
async function readFileOrCreate(path: string): Promise<string> {
  return (await readIfPresent(path)) ?? (await create(path));
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new MasterKeyError(`${path} can be read by others; run: chmod 600 ${path}`);
    }
    return await readFile(path, "ascii");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The file appears whole or not at all (link), and of two processes that make it one wins. */
async function create(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(6).toString("hex")}`;
  const file = await open(draft, "wx", 0o600);
  try {
    await chmod(draft, 0o600);
    await file.writeFile(newMasterKeyText());
    await file.sync();
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await file.close();
    await unlink(draft);
  }
  await syncDirectory(dirname(path));
  return readFile(path, "ascii");
}

/** Without this a power cut could leave sealed keys in the store and no master key that opens them. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
