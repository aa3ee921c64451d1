import { verify } from "node:crypto";
import { importPublicKey, isAlgorithm, keyId } from "../signature/index.ts";
import { statementInput } from "./format-statement.ts";
import { usablePublicKey } from "./public-key.ts";
import type { ReceivedStatement } from "./statement.ts";

/** What a statement says of its key, which never changes: found out once for all messages that the statement serves. */
export interface KeyFacts {
  readonly idFits: boolean;
  readonly usable: boolean;
}

const knownFacts = new WeakMap<ReceivedStatement, KeyFacts>();

export function keyFacts(statement: ReceivedStatement, spki: Uint8Array): KeyFacts {
  let facts = knownFacts.get(statement);
  if (facts === undefined) {
    const { kid, algorithm } = statement;
    facts = {
      idFits: keyId(spki) === kid,
      usable: isAlgorithm(algorithm) && usablePublicKey(spki, algorithm) !== null,
    };
    knownFacts.set(statement, facts);
  }
  return facts;
}

/** Of each statement, under which statement keys (base64) it is signed, and under which it is not. */
const knownSignatures = new WeakMap<ReceivedStatement, Map<string, boolean>>();
/** A domain has two at a time; more come only as it replaces them. */
const MAX_KNOWN_KEYS = 4;

/** Does `s` verify under one of the domain's statement keys (STA-13)? */
export function isSignedBy(statement: ReceivedStatement, statementKeys: readonly Uint8Array[]): boolean {
  let known = knownSignatures.get(statement);
  if (known === undefined || known.size > MAX_KNOWN_KEYS) {
    known = new Map();
    knownSignatures.set(statement, known);
  }
  for (const spki of statementKeys) {
    const name = Buffer.from(spki).toString("base64");
    const isSigned = known.get(name) ?? verifiesUnder(statement, spki);
    known.set(name, isSigned);
    if (isSigned) return true;
  }
  return false;
}

function verifiesUnder({ signature, signedText }: ReceivedStatement, spki: Uint8Array): boolean {
  if (signature === null) return false;
  const key = importPublicKey(spki, "ed25519-sha256");
  return key !== null && verify(null, statementInput(signedText), key, signature);
}
