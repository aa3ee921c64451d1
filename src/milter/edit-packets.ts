import { type HeaderEdit, parseHeader } from "../message/index.ts";
import { type HeaderRecord, withLf } from "./header-record.ts";
import { ended, number, packet } from "./packet.ts";
import { answer, answerOctets } from "./protocol.ts";

const space = 32;

/**
 * Fields that Sendmail fills in behind all milters where a message has none. It does so beside an inserted one too; only one
 * that is added takes the place of its own (decision 0126).
 */
const filledIn = new Set(["date", "message-id"]);

/**
 * The packets that carry out edits of a header. Fields are changed from the last to the first: so counts of others stay
 * right, however the mail server counts what is gone. What is new goes to the very top, above its own Received field too,
 * but for Date and Message-ID.
 *
 * @param leadingSpace whether the mail server takes values as they stand behind the colon, or adds a space
 * @throws RangeError where an edit cannot be carried out
 */
export function editPackets(
  edits: readonly HeaderEdit[],
  record: HeaderRecord,
  leadingSpace: boolean,
): Buffer[] {
  const ofFields = edits.filter((edit) => edit.kind !== "prepend");
  const fields = record.countFields(new Set(ofFields.map((edit) => edit.field.start)));
  const changes: { start: number; packet: Buffer }[] = [];
  const inserts: Buffer[] = [];
  for (const edit of edits) {
    if (edit.kind === "prepend") {
      for (const [name, value] of wholeFields(edit.octets).reverse()) {
        const field = [ended(name), wireValue(value, leadingSpace)];
        const isFilledIn = filledIn.has(name.toString("latin1").toLowerCase());
        inserts.push(
          checked(
            isFilledIn
              ? packet(answer.addHeader, ...field)
              : packet(answer.insertHeader, number(0), ...field),
          ),
        );
      }
      continue;
    }
    const { start } = edit.field;
    const field = fields.get(start);
    if (field === undefined) throw new RangeError(`no field of the mail server's begins at octet ${start}`);
    // An empty value deletes the field.
    const value = edit.kind === "remove" ? ended("") : presentValue(wireValue(edit.value, leadingSpace));
    changes.push({
      start,
      packet: checked(packet(answer.changeHeader, number(field.count), ended(field.name), value)),
    });
  }
  changes.sort((a, b) => b.start - a.start);
  return [...changes.map((change) => change.packet), ...inserts];
}

/** Names and values (with CRLF) of new fields. */
function wholeFields(octets: Uint8Array): [name: Buffer, value: Buffer][] {
  const header = parseHeader(octets);
  // A line of more than 998 octets is the handler's to mind; anything else would not come out as it was meant.
  if (header.fault !== null && header.fault.kind !== "long-line") {
    throw new RangeError(`what is to be added is no header field: ${header.fault.kind}`);
  }
  return header.fields.map(({ start, valueStart, end }) => [
    Buffer.from(header.octets.toString("latin1", start, valueStart - 1).trimEnd(), "latin1"),
    header.octets.subarray(valueStart, end),
  ]);
}

function wireValue(octets: Uint8Array, leadingSpace: boolean): Buffer {
  const value = withLf(octets);
  if (value === null) throw new RangeError("what is to be written is no value of one header field");
  return ended(!leadingSpace && value[0] === space ? value.subarray(1) : value);
}

/** A field that has an empty value stays. */
function presentValue(value: Buffer): Buffer {
  return value.length === 1 ? ended(" ") : value;
}

function checked(octets: Buffer): Buffer {
  if (octets.length - 5 > answerOctets)
    throw new RangeError("a header field is too long for the milter protocol");
  return octets;
}
