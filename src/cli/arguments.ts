import { once } from "node:events";
import { createReadStream, type ReadStream, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import { type Address, parseAddress } from "../message/index.ts";
import { isId16, parseSeconds } from "../signature/index.ts";
import { UsageError } from "./usage-error.ts";

/** `--identity ADDR`: an address that can be an identity. */
export function addressArgument(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It is not an eligible address: ${parsed.detail}.`);
  return parsed.address;
}

/** `--rcpt ADDR`, which may be given more than once. */
export function addressesArgument(text: string, before: Address[] = []): Address[] {
  return [...before, addressArgument(text)];
}

/** `--rcpt ADDR` of a transaction: one that is not eligible stays in the list as null, for nothing can list it. */
export function recipientsArgument(text: string, before: (Address | null)[] = []): (Address | null)[] {
  const parsed = parseAddress(text);
  if (!parsed.ok && parsed.problem === "syntax")
    throw new InvalidArgumentError(`It is no address: ${parsed.detail}.`);
  return [...before, parsed.ok ? parsed.address : null];
}

/** `--client ADDRESS`: a network address. */
export function ipArgument(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError("It must be an IPv4 or IPv6 address.");
  return text;
}

/** An option that may be given more than once. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** `--limit N`: how many at most. */
export function countArgument(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError("It must be a number from 1 to 999999999.");
  return Number(text);
}

const UNIT_S = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `--ends WHEN`: Unix seconds of a date and time, or of a time from now. */
export function periodEndArgument(text: string): number {
  return /^\d+[smhd]$/.test(text) ? unixNow() + ageArgument(text) : timeArgument(text);
}

/** `--older-than 365d`: seconds. */
export function ageArgument(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined)
    throw new InvalidArgumentError('It must be a number with "s", "m", "h" or "d": 365d.');
  return Number(count) * UNIT_S[unit as keyof typeof UNIT_S];
}

/** `--since WHEN`: Unix seconds of a date, of a date and time, or of an age before now. */
export function timeArgument(text: string): number {
  if (/^\d+[smhd]$/.test(text)) return unixNow() - ageArgument(text);
  const moment = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?$/.test(text)
    ? Date.parse(utc(text))
    : Number.NaN;
  if (Number.isNaN(moment)) {
    throw new InvalidArgumentError(
      'It must be a date, a time (UTC) or an age: 2026-11-25, "2026-11-25 22:08", 2h.',
    );
  }
  return moment / 1000;
}

/** A date alone is taken for UTC already. */
function utc(text: string): string {
  return text.length === 10 ? text : `${text.replace(" ", "T").replace(/Z$/, "")}Z`;
}

/** `--now UNIX`: Unix seconds. */
export function secondsArgument(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds === null)
    throw new InvalidArgumentError("It must be Unix seconds: decimal, at most 12 digits.");
  return seconds;
}

/** One key id in 64 begins with "-": it is no option, wherever it stands. */
export function kidsAreNoOptions(args: readonly string[]): readonly string[] {
  const kid = args.findIndex((arg) => arg.startsWith("-") && isId16(arg));
  return kid < 0 || args.includes("--") ? args : [...args.toSpliced(kid, 1), "--", args[kid] ?? ""];
}

/** Reads a file that the command line names; what is wrong with it is one line. */
export function readNamedFile(name: string): Buffer {
  try {
    return readFileSync(name);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** The same, piece by piece, for a file that may be larger than memory. */
export async function openNamedFile(name: string): Promise<ReadStream> {
  const stream = createReadStream(name);
  try {
    await once(stream, "open");
    return stream;
  } catch (error) {
    throw unreadable(name, error);
  }
}

function unreadable(name: string, error: unknown): UsageError {
  const code = (error as NodeJS.ErrnoException).code;
  const why =
    code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "permission denied" : String(code);
  return new UsageError(`${name}: cannot be read: ${why}`);
}

export function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}
