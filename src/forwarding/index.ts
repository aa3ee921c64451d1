// Addresses that stand for others: forwards add a custody level, lists sign anew. What comes of a message delivery queues.
export { type BearsAlteredMail, bearsAlteredMail } from "./bears-altered-mail.ts";
export { Forwarding, type ForwardingOptions } from "./forwarding.ts";
