import { tmpdir } from "node:os";

/** Why the playground cannot start, in words for the person who started it. */
export class PlaygroundProblem extends Error {
  override readonly name = "PlaygroundProblem";
}

/** What can be done about an error of the system. */
export function explainProblem(cause: unknown): PlaygroundProblem {
  return new PlaygroundProblem(explanation(cause as NodeJS.ErrnoException), { cause });
}

function explanation({ code, syscall, path, message }: NodeJS.ErrnoException): string {
  if (syscall === "listen" || syscall === "bind") {
    return `no port of 127.0.0.1 can be listened on (${code}): look for a firewall or sandbox that forbids it`;
  }
  switch (code) {
    case "ENOSPC":
      return `no space left in ${tmpdir()}: make room there, or set TMPDIR to another folder`;
    case "EACCES":
    case "ENOENT":
    case "EPERM":
    case "EROFS":
      return `${path ?? tmpdir()} cannot be written (${code}): set TMPDIR to a folder that is yours`;
    default:
      return `the playground cannot start: ${message}`;
  }
}
