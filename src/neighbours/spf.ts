import { spf } from "mailauth/lib/spf/index.js";
import type { AuthenticationResult } from "../message/index.ts";
import type { Resolve } from "./message-dns.ts";
import type { NeighbourQuestion, NeighbourResults } from "./neighbour-results.ts";
import { provenDomain, recordable, resultOf } from "./result-words.ts";

export interface SpfOutcome {
  readonly found: NeighbourResults["spf"];
  readonly recorded: AuthenticationResult;
}

type Sender = Pick<NeighbourQuestion, "client" | "reversePath">;

/** RFC 7208: may this client send in the name of the reverse path, or, where that is empty, in its own? */
export async function checkSpf(sender: Sender, hostname: string, resolve: Resolve): Promise<SpfOutcome> {
  const { client, reversePath } = sender;
  const answer = await spf({
    sender: reversePath,
    ip: client.address.replace(/%.*$/, ""),
    helo: client.helo,
    mta: hostname,
    resolver: resolve,
    strict: true,
  });
  return spfOutcome(String(answer.status.result), sender);
}

export function spfOutcome(word: string, { client, reversePath }: Sender): SpfOutcome {
  const result = resultOf(word);
  const isNull = reversePath === "";
  const domain = provenDomain(isNull ? client.helo : reversePath.slice(reversePath.lastIndexOf("@") + 1));
  return {
    found: { result, domain },
    recorded: {
      method: "spf",
      result,
      reason: null,
      properties: recordable([isNull ? ["smtp.helo", client.helo] : ["smtp.mailfrom", domain]]),
    },
  };
}
