// Stores that implement the interfaces of keyring, queue and mail-log. Only the composition roots construct them.
export { openKeyringStore, openPublicKeyringStore } from "./open-keyring-store.ts";
export { openMailLogStore } from "./open-mail-log-store.ts";
export { openQueueStore } from "./open-queue-store.ts";
export { keyringLocation, mailLogLocation, queueLocation } from "./store-location.ts";
export { StoreMismatchError } from "./store-mismatch-error.ts";
export { exportKeyring } from "./transfer/export-keyring.ts";
export type { Transferred } from "./transfer/header.ts";
export { ImportError, importKeyring } from "./transfer/import-keyring.ts";
