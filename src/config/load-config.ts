import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { buildConfig } from "./build-config.ts";
import type { Config } from "./config.ts";
import { describeIssues, type Problem } from "./problems.ts";
import { schema } from "./schema.ts";
import { findLines } from "./toml-lines.ts";

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads the settings of `vsmtp serve`. Only the text is looked at: whether files exist and ports are free shows
 * when the roles start.
 *
 * @param text the TOML document
 * @param fileName where it was read from; relative paths in it count from that folder
 * @returns the settings, or everything that is wrong with them, by line
 */
export function loadConfig(text: string, fileName: string): ConfigResult {
  let document: unknown;
  try {
    document = parse(text, { maxDepth: 20 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [complaint = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    return { ok: false, problems: [{ line: error.line, message: `this is not TOML: ${complaint}` }] };
  }
  const lineOf = findLines(text);
  const checked = schema.safeParse(document, { reportInput: true });
  if (!checked.success) return failed(describeIssues(checked.error.issues, schema, lineOf));

  const problems: Problem[] = [];
  const config = buildConfig(checked.data, dirname(resolve(fileName)), (path, message) => {
    problems.push({ line: lineOf(path), message });
  });
  return problems.length === 0 ? { ok: true, config } : failed(problems);
}

function failed(problems: Problem[]): ConfigResult {
  return { ok: false, problems: problems.sort((a, b) => a.line - b.line) };
}
