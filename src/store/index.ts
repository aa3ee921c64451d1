// Stores that implement the interfaces of keyring and queue. Only the composition roots construct them.
export { SqliteKeyringStore } from "./sqlite/keyring-store.ts";
export { SqlitePublicKeyringStore } from "./sqlite/public-keyring-store.ts";
export { SqliteQueueStore } from "./sqlite/queue-store.ts";
