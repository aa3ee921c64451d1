import type { EnrolmentRecord, StoreOutcome } from "../../keyring/index.ts";
import { all, insertRows, type Program, run, type SqlValue } from "../sql/program.ts";
import { enrolmentOf } from "./rows.ts";

const INSERT_ENROLMENT = `INSERT INTO enrolment (name, spki_sha256, unix_user, unix_group, scope, modes,
  may_assert, created_at)`;

function enrolmentRow({ proof, ...enrolment }: EnrolmentRecord): SqlValue[] {
  const bySocket = proof.kind === "unix-socket" ? proof : null;
  return [
    enrolment.name,
    proof.kind === "certificate" ? proof.spkiSha256 : null,
    bySocket?.user ?? null,
    bySocket?.group ?? null,
    JSON.stringify(enrolment.scope),
    JSON.stringify(enrolment.modes),
    enrolment.mayAssert ? 1 : 0,
    enrolment.createdAt,
  ];
}

export function* enrolments(): Program<readonly EnrolmentRecord[]> {
  return (yield* all("SELECT * FROM enrolment ORDER BY name")).map(enrolmentOf);
}

/** One name, one certificate: a certificate in two enrolments would have two scopes. */
export function* addEnrolment(enrolment: EnrolmentRecord, changed: Set<string>): Program<StoreOutcome> {
  changed.add(enrolmentSubject(enrolment.name));
  const added = yield* insertRows(INSERT_ENROLMENT, [enrolmentRow(enrolment)], "ON CONFLICT DO NOTHING");
  return added === 1 ? "done" : "exists";
}

export function* removeEnrolment(name: string, changed: Set<string>): Program<StoreOutcome> {
  changed.add(enrolmentSubject(name));
  return (yield* run("DELETE FROM enrolment WHERE name = ?", name)) === 1 ? "done" : "no-enrolment";
}

/** No account id and no domain has a colon. */
function enrolmentSubject(name: string): string {
  return `enrolment:${name}`;
}
