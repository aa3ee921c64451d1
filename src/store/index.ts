// Stores that implement the interfaces of keyring and queue. Only the composition roots construct them.
export { type KeyringSource, keyringLocation } from "./keyring-location.ts";
export { type KeyringPlace, openKeyringStore, openPublicKeyringStore } from "./open-keyring-store.ts";
export { SqliteKeyringStore, SqlitePublicKeyringStore } from "./sqlite/keyring-stores.ts";
export { SqliteQueueStore } from "./sqlite/queue-store.ts";
