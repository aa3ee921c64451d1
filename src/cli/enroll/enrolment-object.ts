import type { EnrolmentRecord } from "../../keyring/index.ts";

/** What programs are told of an enrolment. */
export const enrolmentFields = {
  name: "of the submission server, for people and the audit log",
  certificate: "SHA-256 (hexadecimal) of its certificate's public key; null: it uses a Unix socket",
  unix_user: "the Unix user that it runs as; null: none",
  unix_group: "the Unix group that it runs in; null: none",
  scope: "whose accounts it may sign for: domains, addresses, or * for all",
  modes: "sign, getkey or both",
  assert: "whether it may act for users whom it authenticated itself",
  created_at: "when it was enrolled",
} as const;

export function enrolmentObject(enrolment: EnrolmentRecord): Record<keyof typeof enrolmentFields, unknown> {
  const { name, proof, scope, modes, mayAssert, createdAt } = enrolment;
  return {
    name,
    certificate: proof.kind === "certificate" ? proof.spkiSha256 : null,
    unix_user: proof.kind === "unix-socket" ? proof.user : null,
    unix_group: proof.kind === "unix-socket" ? proof.group : null,
    scope,
    modes,
    assert: mayAssert,
    created_at: createdAt,
  };
}

/** How it proves that it is the one that was enrolled. */
export function proofText({ proof }: EnrolmentRecord): string {
  if (proof.kind === "certificate") return `certificate ${proof.spkiSha256.slice(0, 16)}…`;
  return proof.user === null ? `group ${proof.group}` : `user ${proof.user}`;
}
