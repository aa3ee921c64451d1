// Stores that implement the interfaces of keyring and queue. Only the composition roots construct them.
export { openKeyringStore, openPublicKeyringStore } from "./open-keyring-store.ts";
export { openQueueStore } from "./open-queue-store.ts";
export { keyringLocation, queueLocation } from "./store-location.ts";
export { StoreMismatchError } from "./store-mismatch-error.ts";
export { exportKeyring } from "./transfer/export-keyring.ts";
export type { Transferred } from "./transfer/header.ts";
export { ImportError, importKeyring } from "./transfer/import-keyring.ts";
