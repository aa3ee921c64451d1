// Addresses that stand for others: forwards add a custody level, lists sign anew. What comes of a message is queued by delivery.
export { type BearsAlteredMail, bearsAlteredMail } from "./bears-altered-mail.ts";
export { Forwarding, type ForwardingOptions } from "./forwarding.ts";
