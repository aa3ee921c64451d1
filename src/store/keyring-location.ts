import { KeyringStoreError, readSystemdCredential } from "../keyring/index.ts";

/** Where the settings say that the keyring is. A credential is systemd's; like the variable, it holds a URL. */
export type KeyringSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "postgresql"; readonly url: string }
  | { readonly kind: "credential"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string };

/**
 * The location that a store is opened at. It may hold a password: it is for nobody's eyes.
 *
 * @throws KeyringStoreError when it is not where the settings say
 */
export async function keyringLocation(
  source: KeyringSource,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  if (source.kind === "file") return source.path;
  if (source.kind === "postgresql") return source.url;
  const [text, name] =
    source.kind === "variable"
      ? [environment[source.name] ?? null, `the environment variable ${source.name}`]
      : [await readSystemdCredential(source.name, environment), `the systemd credential "${source.name}"`];
  if (text === null)
    throw new KeyringStoreError("broken", `${name} is not there, which keyring in [store] names`);
  const url = text.trim();
  if (isPostgresqlUrl(url)) return url;
  throw new KeyringStoreError("broken", `${name} does not hold a URL "postgresql://…"`);
}

export function isPostgresqlUrl(location: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(location);
}
