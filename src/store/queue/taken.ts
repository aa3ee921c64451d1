import type { LeasedMessage } from "../../queue/index.ts";
import type { Row } from "../sql/program.ts";

/** A row of LEASED as it was before, and what else a delivery has to know. */
export interface Taken {
  readonly row: Row;
  readonly purpose: LeasedMessage["purpose"];
  readonly failure: string | null;
  readonly failures: number;
}
