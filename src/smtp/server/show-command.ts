/** A command line for the transcript: no control characters, no secrets. */
export function showCommand(line: Buffer): string {
  const text = line.toString("utf8").replaceAll(/[\0-\x1f\x7f-\x9f]/g, "?");
  return text.replace(/^(AUTH +\S+) .*/i, "$1 (credentials)");
}
