import type { Address } from "../message/index.ts";
import type { Transaction } from "./index.ts";

/** A transaction of which only the recipients matter. */
export function transactionTo(recipients: readonly (Address | null)[]): Transaction {
  return {
    recipients,
    client: { address: "192.0.2.1", helo: "out.test" },
    reversePath: "",
    body: async function* () {},
  };
}
