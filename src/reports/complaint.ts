import { isIP } from "node:net";
import {
  decodeAddress,
  fieldText,
  HeaderReader,
  parseHeader,
  propertyOf,
  resultOf,
  resultsBy,
} from "../message/index.ts";
import type { AbuseReport } from "./abuse-report.ts";

export type Complaint =
  | { readonly ok: true; readonly report: AbuseReport }
  | { readonly ok: false; readonly problem: string };

/** Of a larger message the header alone is sent: with it the signature of the header can be checked still. */
const MAX_ORIGINAL_OCTETS = 256 << 10;

/**
 * What can be complained of (REP-4): a message as it stands in a mailbox here, whose verdict our border recorded as a pass.
 * For everything else the identity may be innocent.
 *
 * @param message CRLF line ends
 * @param hostname whose Authentication-Results count
 */
export function complaintAbout(message: Uint8Array, hostname: string): Complaint {
  const reader = new HeaderReader();
  const body = reader.write(message);
  const header = parseHeader(reader.finish());
  const recorded = resultsBy(header, hostname);
  const verdict = recorded && resultOf(recorded, "vsmtp");
  if (recorded === null || verdict === null) {
    return bad(`${hostname} recorded no VSMTP result in this message`);
  }
  if (verdict.result !== "pass") {
    const result = /^[a-z]{1,20}$/.test(verdict.result) ? verdict.result : "no word";
    return bad(`its VSMTP result is ${result}: who sent it is not known for sure`);
  }
  const identity = propertyOf(verdict, "header.i") ?? "";
  const kid = propertyOf(verdict, "header.k") ?? "";
  const address = decodeAddress(identity);
  if (address === null || !/^[A-Za-z0-9_-]{22}$/.test(kid)) {
    return bad("its Authentication-Results field names no identity and key");
  }
  const { field } = recorded;
  const received = header.fields.find(({ name, start }) => name === "received" && start >= field.start);
  const trace = received === undefined ? "" : fieldText(header, received);
  const original = header.octets.subarray((received ?? field).end);
  const whole = original.length + body.length <= MAX_ORIGINAL_OCTETS;
  return {
    ok: true,
    report: {
      identity,
      kid,
      domain: address.domain,
      authenticationResults: header.octets
        .toString("latin1", field.valueStart, field.end)
        .replaceAll(/[^\r\n\t -~]/g, "?")
        .trim(),
      sourceAddress: clientIn(trace),
      arrivalDate: /;\s*([ -~]{1,60})$/.exec(trace)?.[1] ?? null,
      original: whole ? Buffer.concat([original, Buffer.from("\r\n"), body]) : original,
      whole,
    },
  };
}

/** Whether a mail is such a complaint of somebody else's: ARF (RFC 5965 §2). */
export function isComplaint(message: Uint8Array): boolean {
  const reader = new HeaderReader();
  reader.write(message);
  const header = parseHeader(reader.finish());
  return header.fields.some((field) => {
    if (field.name !== "content-type") return false;
    const value = fieldText(header, field);
    return (
      /^\s*multipart\/report\b/i.test(value) && /report-type[ \t]*=[ \t]*"?feedback-report\b/i.test(value)
    );
  });
}

/** As formatReceivedField (smtp) writes it: in brackets, behind the name that the client gave where that is one. */
function clientIn(trace: string): string | null {
  const found =
    /^from \S+ \(\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]\)/.exec(trace) ??
    /^from \[(?:IPv6:)?([0-9A-Fa-f.:]+)\]/.exec(trace);
  const address = found?.[1] ?? "";
  return isIP(address) === 0 ? null : address;
}

function bad(problem: string): Complaint {
  return { ok: false, problem };
}
