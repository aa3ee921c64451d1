import * as z from "zod";
import { listeners } from "./listener-schema.ts";
import { loginNames } from "./milter-schema.ts";
import { trustedHosts, trustedSubmitters } from "./trusted-schema.ts";
import { networkOrAddress, nextHopPlace, passwordSource } from "./values.ts";

// How operators write what stands before, or between, mail servers that they have; see schema.ts.

export const proxies = z
  .array(
    z.strictObject({
      listen: listeners(
        {
          tls: z.enum(["implicit", "starttls", "none"]).optional(),
          ...trustedHosts,
          ...trustedSubmitters,
        },
        ["127.0.0.1:10025"],
      ),
      job: z.enum(["verify", "sign", "submission"]),
      next_hop: nextHopPlace,
      tls: z.enum(["none", "opportunistic", "required", "implicit"]).optional(),
      user: z.string().min(1).optional(),
      password: passwordSource.optional(),
      connections: z.int().min(1).max(10_000).default(100),
      tell_client: z.enum(["none", "xforward", "xclient", "proxy-v1", "proxy-v2"]).default("xforward"),
      clients: z.array(networkOrAddress).min(1).optional(),
      sender: z.enum(["login", "reverse-path"]).default("login"),
      ...loginNames,
    }),
  )
  .default([]);
