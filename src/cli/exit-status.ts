/** What the program's exit status says to the script that runs it. */
export const EXIT = {
  /** Done; for `verify`: pass. */
  ok: 0,
  /** The verdict is not pass; what was checked is not in order; the user said no. */
  notPass: 1,
  /** Wrong command line, unreadable file, malformed message, key, statement or configuration; an act that is refused. */
  usage: 2,
  /** Nothing can be said or done now, try later (EX_TEMPFAIL of sysexits.h). */
  temporary: 75,
} as const;
