import type { EnrolmentRecord } from "../records.ts";
import type { Administration } from "./administration.ts";
import { addressName, domainName } from "./names.ts";
import { type Failure, type Outcome, result } from "./outcome.ts";

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;

/** `scope` as people write it: `*`, domains, addresses. */
export type EnrolmentOptions = Omit<EnrolmentRecord, "createdAt">;

/** Lets a submission server use the private interface (PRV-2). */
export async function enrol(
  administration: Administration,
  options: EnrolmentOptions,
): Promise<Outcome<{ enrolment: EnrolmentRecord }>> {
  const { name, proof, modes } = options;
  const scope = parseScope(options.scope);
  if (!NAME.test(name)) {
    return syntax(`"${name}" is not a name: 1 to 63 of a-z, 0-9, ".", "_", "-"`);
  }
  if (proof.kind === "certificate" && !SHA256_HEX.test(proof.spkiSha256)) {
    return syntax("a certificate is known by the SHA-256 of its public key: 64 hexadecimal digits");
  }
  if (!scope.ok) return scope;
  if (modes.length === 0) return syntax("an enrolment needs a mode: sign or getkey");
  const enrolment: EnrolmentRecord = { ...options, scope: scope.scope, createdAt: administration.now() };
  const entry = administration.entry("enrolment.add", { subject: name, detail: describe(enrolment) });
  return result(await administration.store.addEnrolment(enrolment, entry), name, { enrolment });
}

export async function removeEnrolment(administration: Administration, name: string): Promise<Outcome> {
  const entry = administration.entry("enrolment.remove", { subject: name });
  return result(await administration.store.removeEnrolment(name, entry), name, {});
}

function parseScope(written: readonly string[]): { ok: true; scope: readonly string[] } | Failure {
  if (written.length === 0) return syntax('a scope is "*", domains, or addresses');
  const scope: string[] = [];
  for (const text of written) {
    if (text === "*") {
      scope.push(text);
      continue;
    }
    const name = text.includes("@") ? addressName(text) : domainName(text);
    if (!name.ok) return name;
    scope.push("domain" in name ? name.domain : name.address);
  }
  return { ok: true, scope };
}

function describe({ scope, modes, mayAssert }: EnrolmentRecord): string {
  return `${modes.join(", ")}${mayAssert ? ", assert" : ""} for ${scope.join(", ")}`;
}

function syntax(detail: string): Failure {
  return { ok: false, problem: "syntax", detail };
}
