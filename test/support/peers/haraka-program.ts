import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makePeerFolder } from "./peer-folder.ts";
import { PeerProcess } from "./peer-process.ts";
import { missingUnpacked, unpacked } from "./unpacked.ts";

/** The group ffdhe2048 of RFC 7919; without a file Haraka makes one of its own, for minutes. */
const dhParameters = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`;
const modules = "haraka/node_modules";
const program = `${modules}/haraka/bin/haraka`;

export function missingHaraka(): string | false {
  return missingUnpacked("Haraka", program);
}

/** A file of its settings as Haraka brings it. */
export function harakaConfig(name: string): string {
  return readFileSync(unpacked(`${modules}/haraka/config/${name}`), "utf8");
}

export interface HarakaSettings {
  /** Where it must greet. */
  readonly ports: readonly number[];
  /** Files of `config`, beside or instead of those that Haraka brings. */
  readonly config: Readonly<Record<string, string>>;
  /** Files of `plugins`: name and where to copy it from. */
  readonly plugins?: Readonly<Record<string, string>>;
  /** Packages to have installed beside Haraka's own: name and folder, which is copied. */
  readonly packages?: Readonly<Record<string, string>>;
}

/** A Haraka in a folder of its own, where its operator has put his settings, plugins and packages. */
export async function startHarakaProgram(
  settings: HarakaSettings,
): Promise<PeerProcess & { folder: string }> {
  const { ports, config, plugins = {}, packages = {} } = settings;
  const folder = makePeerFolder("haraka", ["plugins", "queue", "node_modules"]);
  cpSync(unpacked(`${modules}/haraka/config`), join(folder, "config"), { recursive: true });
  for (const [name, text] of Object.entries({ "dhparams.pem": dhParameters, ...config })) {
    mkdirSync(dirname(join(folder, "config", name)), { recursive: true });
    writeFileSync(join(folder, "config", name), text, { mode: 0o600 });
  }
  for (const [name, from] of Object.entries(plugins)) cpSync(from, join(folder, "plugins", name));
  for (const name of readdirSync(unpacked(modules))) {
    symlinkSync(join(unpacked(modules), name), join(folder, "node_modules", name));
  }
  for (const [name, from] of Object.entries(packages)) {
    cpSync(from, join(folder, "node_modules", name), { recursive: true });
  }
  const haraka = await PeerProcess.start({
    name: "Haraka",
    folder,
    command: [process.execPath, unpacked(program), "-c", folder],
    ports,
  });
  return Object.assign(haraka, { folder });
}
