import * as z from "zod";
import {
  accountOrReversePath,
  domainName,
  durationMs,
  mailAddress,
  milterPlace,
  networkOrAddress,
  octalMode,
} from "./values.ts";

// How operators write what a milter does for their mail server; see schema.ts.

/** Names of logins, and the accounts that they mean. */
export const loginNames = {
  login_domain: domainName.optional(),
  logins: z.record(z.string().min(1), mailAddress).default({}),
  unknown_users: z.enum(["accept", "reject"]).default("accept"),
};

/** A listener is a table, or its address alone. */
const listener = z.preprocess(
  (value) => (typeof value === "string" ? { address: value } : value),
  z.strictObject({ address: milterPlace, mode: octalMode.optional() }),
);

export const milter = z
  .strictObject({
    listen: z.array(listener).min(1).prefault(["unix:/run/vsmtp/milter.sock"]),
    jobs: z
      .array(z.enum(["sign", "verify"]))
      .min(1)
      .default(["sign", "verify"]),
    ...loginNames,
    on_trouble: z.enum(["defer", "accept"]).default("defer"),
    local: z.enum(["unsigned", "sign"]).default("unsigned"),
    local_users: z.record(z.string().min(1), mailAddress).default({}),
    certificates: z
      .array(z.strictObject({ subject: z.string().min(1), issuer: z.string().min(1), account: mailAddress }))
      .default([]),
    relays: z
      .array(z.strictObject({ networks: z.array(networkOrAddress).min(1), account: accountOrReversePath }))
      .default([]),
    progress: durationMs.default(10_000),
  })
  .prefault({});
