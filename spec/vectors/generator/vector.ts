/** What the case authors of families write; `generate.ts` writes each to a file of its own. */
export interface Case {
  /** Kebab-case; the file's name. */
  readonly name: string;
  readonly kind: Kind;
  readonly requirements: readonly string[];
  /** One or two sentences: what is tested and why the expected result is the right one. */
  readonly about: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
}

/** What is to be done with the input; README.md says what each takes and gives. */
export type Kind =
  | "verify"
  | "sign"
  | "canonical-field"
  | "canonical-body"
  | "signing-input"
  | "key-id"
  | "address"
  | "encoded-address"
  | "recipient-hash"
  | "grant-hash"
  | "copies"
  | "policy-record"
  | "policy"
  | "author-policy"
  | "remembered-policy"
  | "lookup-trace"
  | "reply-line"
  | "key-argument"
  | "statement"
  | "staple"
  | "vault-request"
  | "limit-text"
  | "header-check"
  | "actions"
  | "override"
  | "result-field"
  | "report"
  | "report-mail"
  | "report-destinations";

export interface Family {
  /** The folder: the family's number in conformance.md and a name, such as "v2-header-canonicalization". */
  readonly folder: string;
  readonly cases: readonly Case[];
}

export const FORMAT = 1;

/** A vector as its file holds it: JSON, pure ASCII, LF line ends. */
export function vectorText(
  family: string,
  { name, kind, requirements, about, input, expected }: Case,
): string {
  const vector = { format: FORMAT, name, family, kind, requirements, about, input, expected };
  return `${ascii(JSON.stringify(vector, null, 2))}\n`;
}

function ascii(json: string): string {
  return json.replace(/[^\n -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** What a case's author wrote out by hand and what the reference makes of the input are the same. */
export function mustEqual(reference: string, author: string, name: string): void {
  if (reference !== author)
    throw new Error(`${name}: ${JSON.stringify(reference)} is not ${JSON.stringify(author)}`);
}
