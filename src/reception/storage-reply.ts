import { type Reply, reply } from "../smtp/index.ts";

/** What a client is told when disk or database refuse: `full` is RFC 3463 X.3.1, anything else X.3.0. */
export function storageReply({ kind }: { readonly kind: "full" | "busy" | "broken" }): Reply {
  return kind === "full"
    ? reply(452, "4.3.1", "There is no room for the message now; try again later")
    : reply(451, "4.3.0", "The message cannot be stored now; try again later");
}
