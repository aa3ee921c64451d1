// One message on its way in, for submission and MX: header in memory, body hashed and spooled as its octets come.
export { receivedFrom } from "./received-from.ts";
export { contentOf, type ReceivedMessage, receivedInMemory } from "./received-message.ts";
export { Reception, type ReceptionOptions, type Wanted } from "./reception.ts";
export { storageReply } from "./storage-reply.ts";
