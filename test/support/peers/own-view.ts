import { spawnSync } from "node:child_process";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Some mail servers have their paths and users compiled in. They run in a mount namespace of their own, where /etc and
// /var are folders of the test's: nothing of the system's is read, changed or in the way. In a process namespace of
// their own too, so that nothing of them outlives their start.

const inside = 'mount --bind "$1/etc" /etc && mount --bind "$1/var" /var && shift && { "$@" & wait "$!"; }';

/** The command that runs another with `folder`/etc as /etc and `folder`/var as /var; to be ended by SIGKILL. */
export function inOwnView(folder: string, command: readonly string[]): [string, ...string[]] {
  return [
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    "-c",
    inside,
    "sh",
    folder,
    ...command,
  ];
}

let refused: boolean | null = null;

/** Why that cannot be done here, as the reason to skip a test; false when it can. */
export function missingMountNamespace(name: string): string | false {
  if (process.getuid?.() !== 0) return `peer: ${name} is started by root only`;
  refused ??= spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status !== 0;
  return refused ? `peer: ${name} needs a mount namespace, which root may not have here` : false;
}

/** Writes what every program looks for in /etc: hosts, and root and other users, each with a group of its name. */
export function writeBasics(folder: string, users: Readonly<Record<string, number>>): void {
  const all = Object.entries({ root: 0, ...users });
  const passwd = all.map(([name, id]) => `${name}:x:${id}:${id}::/var/empty:/usr/sbin/nologin\n`);
  const group = all.map(([name, id]) => `${name}:x:${id}:\n`);
  writeFileSync(join(folder, "etc/passwd"), passwd.join(""));
  writeFileSync(join(folder, "etc/group"), group.join(""));
  writeFileSync(join(folder, "etc/hosts"), "127.0.0.1 localhost\n");
}

/** Gives folders of a view to one of its users. */
export function giveFolders(folder: string, id: number, names: readonly string[]): void {
  for (const name of names) chownSync(join(folder, name), id, id);
}
