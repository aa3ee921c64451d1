import type { MxEvent, MxRefusal } from "../mx/index.ts";
import type { Log } from "./log.ts";
import { arrivalFields, judgedFields, levelOf } from "./log-fields.ts";

const role = "mx";

/** What the MX does, as lines of the log: each names what was done, and has why. */
export class MxLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  note(event: MxEvent): void {
    const { decision, cause } = event;
    this.#log[levelOf(cause)]({ role, ...fieldsOf(event) }, decision.action);
  }

  refused({ session, reply: { code, enhanced }, cause }: MxRefusal): void {
    const seen = { session: session.id, remote: session.remoteAddress, code, enhanced };
    this.#log[levelOf(cause)]({ role, ...seen, err: cause ?? undefined }, "refused");
  }
}

function fieldsOf(event: MxEvent): object {
  const { decision, repeated, reply, queuedAs, took, cause } = event;
  return {
    ...arrivalFields(event),
    ...judgedFields(event, decision),
    repeated: repeated || undefined,
    code: reply.code,
    queuedAs,
    took,
    err: cause ?? undefined,
  };
}
