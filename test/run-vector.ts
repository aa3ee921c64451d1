import { createPrivateKey, createPublicKey } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { Actions, Stage } from "../src/config/index.ts";
import {
  type DnsAnswer,
  type DomainPolicy,
  dnsPolicySource,
  PolicyMemory,
  type Resolver,
} from "../src/dns/index.ts";
import {
  isPermanent,
  judgeStaple,
  judgeStatement,
  parseKeyRequest,
  parseReplyLine,
  parseStatement,
  readStaples,
  type StatementQuery,
  statementKeySource,
} from "../src/key-protocol/index.ts";
import {
  type Address,
  type AddressResult,
  addressText,
  decodeAddress,
  encodeAddress,
  formatAuthenticationResults,
  parseAddress,
  parseHeader,
} from "../src/message/index.ts";
import {
  attachedReport,
  permissionName,
  readAggregateReport,
  reportDestinations,
} from "../src/reports/index.ts";
import {
  type Algorithm,
  algorithmOf,
  BodyHasher,
  canonicalField,
  checkHeaderCanonical,
  fieldsBelow,
  grantHash,
  headerCanonical,
  type KeySource,
  keyId,
  MessageScanner,
  MessageVerifier,
  parseSignatureField,
  recipientHash,
  SIGNATURE_FIELD,
  type SigningKey,
  sign,
  signInput,
  signingInput,
  type Verdict,
  verify,
} from "../src/signature/index.ts";
import { splitIntoCopies } from "../src/signing/index.ts";
import { parseLimitText, parseRequest } from "../src/vault-protocol/index.ts";
import {
  authenticationResult,
  decideAction,
  type Override,
  Verification,
} from "../src/verification/index.ts";
import { contextOf } from "../src/verification/test-context.ts";
import { transactionTo } from "../src/verification/test-transaction.ts";
import { runLookupTrace } from "./run-lookup-trace.ts";

/** One file of spec/vectors; its README describes each kind. */
export interface Vector {
  readonly format: number;
  readonly name: string;
  readonly family: string;
  readonly kind: string;
  readonly requirements: readonly string[];
  readonly about: string;
  readonly input: unknown;
  readonly expected: Readonly<Record<string, unknown>>;
}

type Outcome = Readonly<Record<string, unknown>>;

/**
 * What the code makes of a vector's input, in the words of the vectors.
 *
 * @throws Error for a format or kind that this runner does not know
 */
export async function runVector(vector: Vector): Promise<Outcome> {
  const run = RUNNERS[vector.kind];
  if (vector.format !== 1 || run === undefined) {
    throw new Error(`format ${vector.format}, kind ${vector.kind}: this runner does not know it`);
  }
  return run(vector.input as never);
}

const RUNNERS: Readonly<Record<string, (input: never) => Outcome | Promise<Outcome>>> = {
  verify: runVerify,
  sign: runSign,
  "canonical-field": (input: { field: string }) => {
    const header = parseHeader(octets(input.field));
    const [field] = header.fields;
    if (field === undefined || header.fields.length > 1 || header.fault) throw new Error("not one field");
    return { canonical: base64(canonicalField(header, field)) };
  },
  "canonical-body": (input: { body: string }) => {
    const canonical: Buffer[] = [];
    const hasher = new BodyHasher(0, (chunk) => canonical.push(Buffer.from(chunk)));
    hasher.write(octets(input.body));
    const bodyHash = hasher.finish();
    return { canonical: base64(Buffer.concat(canonical)), bodyHash };
  },
  "signing-input": runSigningInput,
  "key-id": (input: { spki: string }) => ({ kid: keyId(octets(input.spki)) }),
  address: (input: { address: string }) => {
    const parsed = parseAddress(input.address);
    if (!parsed.ok) return { problem: parsed.problem };
    return { canonical: addressText(parsed.address), encoded: encodeAddress(parsed.address) };
  },
  "encoded-address": (input: { encoded: string }) => {
    const address = decodeAddress(input.encoded);
    return { canonical: address && addressText(address) };
  },
  "recipient-hash": (input: { salt: string; address: string }) => ({
    hash: recipientHash(octets(input.salt), eligible(input.address)),
  }),
  "grant-hash": (input: { kid: string; from: string }) => ({
    hash: grantHash(input.kid, eligible(input.from)),
  }),
  copies: (input: { header: string; recipients: string[] }) => {
    const copies = splitIntoCopies(input.recipients, parseHeader(octets(input.header)));
    return { copies: copies.map(({ recipients }) => recipients.toSorted()).sort(byFirst) };
  },
  "policy-record": async (input: { dns: Dns; domain: string }) => {
    const answer = await dnsPolicySource(resolver(input.dns)).recordOf(input.domain);
    if (answer.kind !== "record") return { record: answer.kind };
    const { record } = answer;
    const { policy: p, subdomainPolicy: sp, testing, discovery: ks, requiredTrust: auth, epoch: ep } = record;
    return { record: { p, sp, testing, ks, auth, dk: record.statementKeys.map(base64), ep } };
  },
  policy: async (input: { dns: Dns; domain: string }) => {
    const answer = await dnsPolicySource(resolver(input.dns)).policyFor(input.domain);
    if (answer.kind !== "policy") return { policy: answer.kind };
    return { policy: answer.policy, testing: answer.testing, at: answer.publishedAt };
  },
  report: (input: { json: string }) => ({ usable: readAggregateReport(input.json).ok }),
  "report-mail": (input: { message: string }) => {
    const attached = attachedReport(octets(input.message));
    return { json: attached.ok ? gunzipSync(attached.packed).toString() : null };
  },
  "report-destinations": ({ domain, rua }: { domain: string; rua: string }) => ({
    destinations: reportDestinations(rua).map((one) => ({
      to: one.kind === "mail" ? one.address : one.url.href,
      permission: permissionName(domain, one.host),
    })),
  }),
  "remembered-policy": runRememberedPolicy,
  "lookup-trace": runLookupTrace,
  "author-policy": async (input: VerifyInput & { dns: Dns }) => {
    const { message, recipients, keys } = verifyContext(input);
    const verifier = new MessageVerifier();
    verifier.write(message);
    const policies = dnsPolicySource(resolver(input.dns));
    const verification = new Verification({ keys, policies, clock: { now: () => input.now * 1000 } });
    const { verdict, policy } = await verification.verify(verifier.finish(), transactionTo(recipients ?? []));
    return { result: verdict.result, reason: verdict.reason, policy: policy.wanted };
  },
  actions: runActions,
  override: (input: Judged & { stage: Stage; policy: DomainPolicy; actions: Actions[] }) => {
    const overrides = input.actions.map((actions) => ({ name: "", actions }));
    return { action: actionIn(input, input.stage, input.policy, overrides) };
  },
  "result-field": (input: { authservId: string; verdict: Verdict }) => {
    const field = formatAuthenticationResults(input.authservId, [authenticationResult(input.verdict)]);
    const unfolded = Buffer.from(field)
      .toString("latin1")
      .replace(/\r\n(?=[ \t])/g, "");
    return { field: unfolded.trimEnd() };
  },
  statement: runStatement,
  staple: runStaple,
  "reply-line": (input: { line: string }) => {
    const { kind: reply, ...rest } = parseReplyLine(input.line);
    if (!("code" in rest)) return { reply, ...rest };
    const consequence =
      rest.code === "NOTHERE" ? "next-target" : isPermanent(rest.code) ? "no-key" : "temporary";
    return { reply, code: rest.code, consequence };
  },
  "vault-request": runVaultRequest,
  "limit-text": ({ text }: { text: string }) => {
    const read = parseLimitText(text);
    return { limit: read?.limit ?? null, free: read?.freeAt == null ? null : read.freeAt / 1000 };
  },
  "header-check": runHeaderCheck,
  "key-argument": (input: { argument: string }) => {
    const request = parseKeyRequest(input.argument);
    if (request === null) return { identity: null, kid: null };
    return { identity: encodeAddress(request.address), kid: request.kid };
  },
};

type Judged = Pick<Verdict, "result" | "reason">;

function runActions(verdict: Judged): Outcome {
  const policies = (stage: Stage) => {
    const cells = (["none", "quarantine", "reject"] as const).map((p) => [
      p,
      actionIn(verdict, stage, p, []),
    ]);
    return Object.fromEntries(cells);
  };
  const [observe, enforce, require] = (["observe", "enforce", "require"] as const).map(policies);
  return { observe, enforce, require };
}

function actionIn(
  verdict: Judged,
  stage: Stage,
  wanted: DomainPolicy,
  overrides: readonly Override[],
): string {
  const context = contextOf({ stage, overrides, policy: { wanted, domain: null } });
  const { action, reply } = decideAction({ ...verdict, rcpt: null }, context);
  return reply === null ? action : `${action} ${reply.code} ${reply.enhanced}`;
}

async function runRememberedPolicy(input: {
  domain: string;
  looks: { at: number; txt: string }[];
}): Promise<Outcome> {
  let look = { at: 0, txt: "none" };
  const txt = async (): Promise<DnsAnswer<string>> => {
    if (look.txt === "failure") return { kind: "failure", detail: "SERVFAIL" };
    const isRecord = look.txt.startsWith("v=");
    if (!isRecord) return { kind: "nxdomain", authenticated: look.txt === "denied", ttlSeconds: 0 };
    return { kind: "records", records: [look.txt], authenticated: true, ttlSeconds: 0 };
  };
  const resolver = { txt } as Partial<Resolver> as Resolver; // nothing else is asked for
  const memory = new PolicyMemory({ resolver, nowMs: () => look.at * 1000 });
  const served: string[] = [];
  for (look of input.looks) {
    const answer = await memory.recordOf(input.domain);
    served.push(answer.kind === "record" ? answer.record.policy : answer.kind);
  }
  return { served };
}

function runVaultRequest({ line }: { line: string }): Outcome {
  const request = parseRequest(line);
  if (request.verb === null) return { error: request.code };
  const shown: Record<string, unknown> = { ...request };
  if ("address" in request) shown.identity = encodeAddress(request.address);
  if (request.verb === "AUTH") {
    shown.initial = request.initial && base64(request.initial);
    shown.cb = request.channelBinding && base64(request.channelBinding);
  }
  if ("client" in request) shown.ip = request.client;
  return shown;
}

function runHeaderCheck(input: { headerCanonical: string }): Outcome {
  const check = checkHeaderCanonical(octets(input.headerCanonical));
  if (!check.ok) return { refused: true };
  const { kid, level, recipientCount: recipients, from, sender } = check;
  const shown = (one: AddressResult) => (one.ok ? encodeAddress(one.address) : null);
  const identity = encodeAddress(check.identity);
  return {
    refused: false,
    identity,
    kid,
    level,
    recipients,
    from: from.map(shown),
    sender: sender && shown(sender),
  };
}

interface VerifyInput {
  message: string;
  now: number;
  recipients?: string[];
  statements: string[];
  statementKeys?: string[];
  epoch?: number;
  unavailable?: string[];
}

async function runVerify(input: VerifyInput): Promise<Outcome> {
  const { message, recipients, keys } = verifyContext(input);
  const verdict = await verify(message, { now: input.now, recipients, keys });
  const { result, reason, identity, kid, align, rcpt } = verdict;
  return { result, reason, identity, kid, align, rcpt };
}

interface Context {
  readonly message: Buffer;
  readonly recipients: readonly (Address | null)[] | undefined;
  readonly keys: KeySource;
}

function verifyContext(input: VerifyInput): Context {
  const recipients = input.recipients?.map((text) => {
    const parsed = parseAddress(text);
    return parsed.ok ? parsed.address : null;
  });
  const statements = statementKeySource(input.statements, {
    statementKeys: input.statementKeys?.map(octets) ?? [],
    epoch: input.epoch ?? 0,
  });
  const keys: KeySource = {
    lookUp: async (query) =>
      input.unavailable?.includes(query.kid)
        ? { kind: "temperror", detail: "the key server cannot be reached" }
        : statements.lookUp(query),
  };
  return { message: octets(input.message), recipients, keys };
}

function runSign(input: { message: string; identity: string; privateKey: string }): Outcome {
  const key = signingKey(input.privateKey);
  const result = sign(octets(input.message), {
    identity: eligible(input.identity),
    keys: [key],
    signedAt: 0,
  });
  return { refused: !result.ok };
}

function runSigningInput(input: { message: string; field: number; privateKey?: string }): Outcome {
  const scanner = new MessageScanner();
  scanner.write(octets(input.message));
  const { header, index } = scanner.finish();
  const sources = index.get(SIGNATURE_FIELD) ?? [];
  const all = sources.flatMap((source) => parseSignatureField(header, source) ?? []);
  const field = all.find(({ source }) => source === sources[input.field]);
  if (field?.tags == null || field.level === null) throw new Error("the field is not usable");
  const below = fieldsBelow(field.level, all);
  const h = headerCanonical(header, index, field.tags.covered, below, field.lastLine);
  const m = signingInput(h);
  const b = input.privateKey === undefined ? null : base64(signInput(signingKey(input.privateKey), m));
  return { headerCanonical: base64(h), input: base64(m), b };
}

interface StatementInput extends StatementAsked {
  statement: string;
  staleSeconds?: number;
}

interface StatementAsked {
  identity: string;
  kid: string;
  algorithm: Algorithm;
  signedAt: number;
  now: number;
  statementKeys?: string[];
  epoch?: number;
}

function statementQuery(input: StatementAsked): StatementQuery {
  const { kid, algorithm, signedAt, now, epoch = 0 } = input;
  const identity = decodeAddress(input.identity);
  if (identity === null) throw new Error(`"${input.identity}" is no canonical identity`);
  const statementKeys = input.statementKeys?.map(octets) ?? [];
  return { identity, kid, algorithm, signedAt, now, epoch, statementKeys };
}

function runStaple(input: StatementAsked & { field: string; stapleSeconds: number }): Outcome {
  const header = parseHeader(octets(input.field));
  const [statement] = readStaples(header, header.fields);
  if (statement === undefined) return { used: false };
  const { stapleSeconds } = input;
  return { used: judgeStaple(statement, { ...statementQuery(input), stapleSeconds }).kind === "usable" };
}

function runStatement(input: StatementInput): Outcome {
  const judged = judgeStatement(parseStatement(input.statement), {
    ...statementQuery(input),
    allowStaleSeconds: input.staleSeconds ?? 0,
  });
  if (judged.kind === "usable") return { outcome: "usable", grants: judged.grants };
  return judged.kind === "fail" ? { outcome: "fail", reason: judged.reason } : { outcome: "target-failed" };
}

/** TXT strings by name; a name that is absent does not exist. */
type Dns = Readonly<Record<string, readonly string[] | "failure">>;

function resolver(dns: Dns): Resolver {
  const none = async () => ({ kind: "nxdomain", authenticated: false, ttlSeconds: 300 }) as const;
  return {
    mx: none,
    addresses: none,
    a: none,
    aaaa: none,
    srv: none,
    tlsa: none,
    ptr: none,
    txt: async (name) => {
      const found = dns[name];
      if (found === undefined) return { kind: "nxdomain", authenticated: false, ttlSeconds: 300 };
      if (found === "failure") return { kind: "failure", detail: "scripted" };
      return { kind: "records", records: [...found], authenticated: false, ttlSeconds: 300 };
    },
  };
}

function signingKey(pkcs8: string): SigningKey {
  const privateKey = createPrivateKey({ key: octets(pkcs8), format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const algorithm = algorithmOf(privateKey);
  if (algorithm === null) throw new Error("neither an Ed25519 nor an RSA key");
  return { kid: keyId(spki), algorithm, privateKey };
}

function eligible(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(`"${text}": ${parsed.detail}`);
  return parsed.address;
}

function octets(text: string): Buffer {
  return Buffer.from(text, "base64");
}

function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
}

function byFirst(a: readonly string[], b: readonly string[]): number {
  return (a[0] ?? "") < (b[0] ?? "") ? -1 : 1;
}
