import { readFile, stat } from "node:fs/promises";
import type { MailingList } from "../config/index.ts";
import { addressText, canonicalAddress, parseAddress } from "../message/index.ts";

/** Who gets a list's posts. Null: nobody can tell now. */
export type MembersOf = () => Promise<readonly string[] | null>;

interface Read {
  readonly stamp: string;
  readonly members: readonly string[];
}

/** Larger lists want a program of their own. */
const MAX_MEMBERS = 5_000;

/** The members of lists; files are read again when they have changed. */
export class Members {
  readonly #onProblem: (file: string, problem: string) => void;
  readonly #read = new Map<string, Read>();

  constructor(onProblem: (file: string, problem: string) => void) {
    this.#onProblem = onProblem;
  }

  async of({ members }: MailingList): Promise<readonly string[] | null> {
    if (members.kind === "listed") return members.addresses;
    const { path } = members;
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      let read = this.#read.get(path);
      if (read?.stamp !== stamp) {
        read = { stamp, members: this.#parse(path, await readFile(path, "utf8")) };
        this.#read.set(path, read);
      }
      return read.members;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      this.#onProblem(path, (error as Error).message);
      return null;
    }
  }

  /** An address a line; "#" begins a comment. Lines that are none are left out, and told of. */
  #parse(path: string, text: string): readonly string[] {
    const members = new Map<string, string>();
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      const written = line.replace(/(?:^|\s)#.*$/, "").trim();
      if (written === "") continue;
      const parsed = parseAddress(written);
      if (!parsed.ok) this.#onProblem(path, `line ${index + 1} is no address: ${parsed.detail}`);
      else if (members.size < MAX_MEMBERS) members.set(addressText(parsed.address), written);
      else {
        this.#onProblem(
          path,
          `more than ${MAX_MEMBERS} members; those from line ${index + 1} on are left out`,
        );
        break;
      }
    }
    return [...members.values()];
  }
}

/** Whether one of the authors is a member. @param authors canonical */
export function holdsMember(members: readonly string[], authors: readonly string[]): boolean {
  const known = new Set(members.map(canonicalAddress));
  return authors.some((author) => known.has(author));
}
