import { readFile, stat } from "node:fs/promises";
import type { Config, NextHop, NextHopCredentials, SecretSource } from "../config/index.ts";
import { readSystemdCredential } from "../keyring/index.ts";

export type PasswordOf = (credentials: NextHopCredentials) => string;

/**
 * The passwords of all next hops, read once at the start, each without the end of its line.
 *
 * @throws Error that says of which one, and why; it never shows what was written in place of a source
 */
export async function readNextHopPasswords(
  { domains, routes }: Pick<Config, "domains" | "routes">,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PasswordOf> {
  const hosted = domains.flatMap(({ name, target }) =>
    target.kind === "next-hop" ? [{ name, nextHop: target.nextHop }] : [],
  );
  const routed = routes.map(({ pattern, nextHop }) => ({ name: pattern, nextHop }));
  return readPasswords([...hosted, ...routed], environment);
}

/** The same of proxies. */
export function readProxyPasswords({ proxies }: Pick<Config, "proxies">): Promise<PasswordOf> {
  const named = proxies.map(({ nextHop }, index) => ({ name: `proxy[${index}]`, nextHop }));
  return readPasswords(named, process.env);
}

async function readPasswords(
  named: readonly { readonly name: string; readonly nextHop: NextHop }[],
  environment: NodeJS.ProcessEnv,
): Promise<PasswordOf> {
  const passwords = new Map<NextHopCredentials, string>();
  for (const { name, nextHop } of named) {
    const { credentials } = nextHop;
    if (credentials === null) continue;
    const password = await read(credentials.passwordSource, environment).catch((cause) => {
      throw new Error(`the password of the next hop of ${name} cannot be read: ${reasonOf(cause)}`, {
        cause,
      });
    });
    if (password === "") throw new Error(`the password of the next hop of ${name} is empty`);
    passwords.set(credentials, password);
  }
  return (credentials) => {
    const password = passwords.get(credentials);
    if (password === undefined) throw new Error("these credentials are not from the settings");
    return password;
  };
}

async function read(source: SecretSource, environment: NodeJS.ProcessEnv): Promise<string> {
  const text = await readText(source, environment);
  return text.replace(/\r?\n$/, "");
}

async function readText(source: SecretSource, environment: NodeJS.ProcessEnv): Promise<string> {
  switch (source.kind) {
    case "file": {
      const { mode } = await stat(source.path);
      if ((mode & 0o007) !== 0) throw new Error("its file can be read by anybody; run chmod o= on it");
      return readFile(source.path, "utf8");
    }
    case "credential": {
      const text = await readSystemdCredential(source.name, environment);
      if (text === null) throw new Error("there is no systemd credential of that name");
      return text;
    }
    case "variable": {
      const text = environment[source.name];
      if (text === undefined) throw new Error("the environment variable is not set");
      return text;
    }
  }
}

/** The system's messages hold the path, which may be the password by mistake. */
function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT")
    return 'there is no such file; "password" names one, or "credential:NAME" or "env:NAME"';
  return code ?? (cause instanceof Error ? cause.message : String(cause));
}
