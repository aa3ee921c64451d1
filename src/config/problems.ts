import * as z from "zod";
import { nearestName } from "./nearest-name.ts";
import type { SettingPath } from "./toml-lines.ts";

/** Something in the file that must be changed before the program starts. */
export interface Problem {
  /** Counted from 1. */
  readonly line: number;
  /** One sentence or two: what is wrong, and the fix. */
  readonly message: string;
}

/** Takes what is wrong with the value at a path. */
export type Report = (path: SettingPath, message: string) => void;

/** `vsmtp.toml:12: message`, as compilers say it, so that editors find the place. */
export function formatProblem(fileName: string, { line, message }: Problem): string {
  return `${fileName}:${line}: ${message}`;
}

/** Says for people what a schema found wrong with the values of a document. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.core.$ZodType,
  lineOf: (path: SettingPath) => number,
): Problem[] {
  return issues.flatMap((issue) => {
    const path = issue.path as SettingPath;
    if (issue.code !== "unrecognized_keys")
      return [{ line: lineOf(path), message: describeIssue(issue, path) }];
    return issue.keys.map((key) => ({
      line: lineOf([...path, key]),
      message: describeUnknown(key, path, schema),
    }));
  });
}

/** `domains[1].mailboxes."a b"`: as one would write it in TOML, with indices counted from 0. */
export function formatPath(path: SettingPath): string {
  const steps = path.map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return `.${/^[A-Za-z0-9_-]+$/.test(step) ? step : JSON.stringify(step)}`;
  });
  return steps.join("").replace(/^\./, "");
}

function describeIssue(issue: z.core.$ZodIssue, path: SettingPath): string {
  const name = formatPath(path);
  if (issue.code === "custom") return `${name} ${issue.message}`;
  if (issue.input === undefined) return `${name} is missing${wantedOf(issue, "; it must be ")}`;
  const wanted = wantedOf(issue, " must be ") || ` is wrong: ${issue.message}`;
  const isMistyped = issue.code === "invalid_value" && typeof issue.input === "string";
  const nearest = isMistyped ? nearestName(issue.input as string, issue.values.map(String)) : null;
  return `${name}${wanted}, not ${formatValue(issue.input)}${nearest ? `; did you mean "${nearest}"?` : ""}`;
}

function wantedOf(issue: z.core.$ZodIssue, prefix: string): string {
  const wanted = wantedBy(issue);
  return wanted === null ? "" : `${prefix}${wanted}`;
}

function wantedBy(issue: z.core.$ZodIssue): string | null {
  switch (issue.code) {
    case "invalid_type":
      return typeNames[issue.expected] ?? null;
    case "invalid_value":
      return issue.values
        .map((value) => `"${String(value)}"`)
        .join(", ")
        .replace(/, ([^,]*)$/, " or $1");
    case "too_small":
      return issue.origin === "array" ? "a list of at least one" : `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    default:
      return null;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a text in quotes",
  int: "a whole number",
  number: "a whole number",
  boolean: "true or false",
  array: "a list in [brackets]",
  object: "a table",
  record: "a table",
};

function formatValue(value: unknown): string {
  if (typeof value === "string") return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return "a date";
  return typeof value === "object" ? "a table" : String(value);
}

function describeUnknown(key: string, path: SettingPath, schema: z.core.$ZodType): string {
  const table = path.length === 0 ? "at the top of the file" : `in ${formatPath(path)}`;
  const unknown = `there is no setting "${key}" ${table}`;
  const known = namesIn(tableAt(schema, path));
  const nearest = nearestName(key, known);
  if (nearest) return `${unknown}; did you mean "${nearest}"?`;
  const elsewhere = tablesWith(key, schema);
  if (elsewhere.length > 0) return `${unknown}; it belongs in ${elsewhere.join(" or ")}`;
  return `${unknown}; there are ${known.join(", ")}`;
}

/** The tables of the file in which a name is a setting, as their headers are written. */
function tablesWith(key: string, schema: z.core.$ZodType): string[] {
  return namesIn(schema).flatMap((name) => {
    const table = tableAt(schema, [name]);
    const element = tableAt(schema, [name, 0]);
    if (namesIn(table).includes(key)) return [`[${name}]`];
    return namesIn(element).includes(key) ? [`[[${name}]]`] : [];
  });
}

function namesIn(schema: z.core.$ZodType | null): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The schema of the value at a path, wrappers such as defaults removed. */
function tableAt(schema: z.core.$ZodType, path: SettingPath): z.core.$ZodType | null {
  let current: z.core.$ZodType | undefined = unwrap(schema);
  for (const step of path) {
    if (current instanceof z.ZodObject) current = current.shape[step];
    else if (current instanceof z.ZodArray) current = current.element;
    else if (current instanceof z.ZodRecord) current = current.valueType;
    else return null;
    if (current === undefined) return null;
    current = unwrap(current);
  }
  return current;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.def.innerType);
  }
  if (schema instanceof z.ZodPipe) {
    return unwrap(schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in);
  }
  return schema;
}
