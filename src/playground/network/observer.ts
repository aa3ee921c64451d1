import type { DeliveryEvent } from "../../delivery/index.ts";
import type { LookupReport } from "../../key-lookup/index.ts";
import type { MxEvent } from "../../mx/index.ts";
import type { Watchers } from "../../provider/index.ts";
import type { SubmissionEvent } from "../../submission/index.ts";

/** What an installation did; `at` is its name. */
export type Happening = { readonly at: string } & (
  | { readonly kind: "submission"; readonly event: SubmissionEvent }
  | { readonly kind: "judged"; readonly event: MxEvent }
  | { readonly kind: "lookup"; readonly report: LookupReport }
  | { readonly kind: "delivery"; readonly event: DeliveryEvent }
  /** A line of a dialogue: `with` is the session at its own MX, or the host that it delivers to. */
  | { readonly kind: "wire"; readonly role: "mx" | "delivery"; readonly with: string; readonly line: string }
);

export type Listener = (happening: Happening) => void;

/** Tells listeners what the installations do; keeps nothing. */
export class Observer {
  readonly #listeners = new Set<Listener>();

  /** @returns ends it */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  watchersFor(at: string): Watchers {
    const tell: Listener = (happening) => {
      for (const listener of this.#listeners) listener(happening);
    };
    return {
      onSubmission: (event) => tell({ at, kind: "submission", event }),
      onMx: (event) => tell({ at, kind: "judged", event }),
      onLookup: (_query, report) => tell({ at, kind: "lookup", report }),
      onDelivery: (event) => tell({ at, kind: "delivery", event }),
      onWire: (role, id, line) => tell({ at, kind: "wire", role, with: id, line }),
    };
  }
}
