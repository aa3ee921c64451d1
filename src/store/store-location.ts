import { KeyringStoreError, readSystemdCredential } from "../keyring/index.ts";
import { MailLogStoreError } from "../mail-log/index.ts";
import { QueueStoreError } from "../queue/index.ts";
import type { StoreFailure } from "./sql/store-failure.ts";

/** Where the settings say that a store is. A credential is systemd's; like the variable, it holds a URL. */
export type StoreSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "postgresql"; readonly url: string }
  | { readonly kind: "credential"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string };

/**
 * The location that the keyring is opened at. It may hold a password: it is for nobody's eyes.
 *
 * @throws KeyringStoreError when it is not where the settings say
 */
export function keyringLocation(source: StoreSource, environment = process.env): Promise<string> {
  return locationOf(source, "keyring", KeyringStoreError, environment);
}

/**
 * The location that the queue is opened at. It may hold a password: it is for nobody's eyes.
 *
 * @throws QueueStoreError when it is not where the settings say
 */
export function queueLocation(source: StoreSource, environment = process.env): Promise<string> {
  return locationOf(source, "queue", QueueStoreError, environment);
}

/**
 * The location that the mail log is opened at. It may hold a password: it is for nobody's eyes.
 *
 * @throws MailLogStoreError when it is not where the settings say
 */
export function mailLogLocation(source: StoreSource, environment = process.env): Promise<string> {
  return locationOf(source, "log", MailLogStoreError, environment);
}

async function locationOf(
  source: StoreSource,
  setting: string,
  Failure: StoreFailure,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  if (source.kind === "file") return source.path;
  if (source.kind === "postgresql") return source.url;
  const [text, name] =
    source.kind === "variable"
      ? [environment[source.name] ?? null, `the environment variable ${source.name}`]
      : [await readSystemdCredential(source.name, environment), `the systemd credential "${source.name}"`];
  if (text === null) throw new Failure("broken", `${name} is not there, which ${setting} in [store] names`);
  const url = text.trim();
  if (isPostgresqlUrl(url)) return url;
  throw new Failure("broken", `${name} does not hold a URL "postgresql://…"`);
}

export function isPostgresqlUrl(location: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(location);
}
