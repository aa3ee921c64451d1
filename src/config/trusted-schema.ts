import * as z from "zod";
import { networkOrAddress } from "./values.ts";

/** Hosts that may say whose mail they bring, in a listener's table; see schema.ts. */
export const trustedHosts = {
  proxy_protocol: z.array(networkOrAddress).default([]),
  xclient: z.array(networkOrAddress).default([]),
  xforward: z.array(networkOrAddress).default([]),
};

/** Where their word for who submitted a message counts too. */
export const trustedSubmitters = { mail_auth: z.array(networkOrAddress).default([]) };
