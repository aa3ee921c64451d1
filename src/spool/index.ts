// Files for what is too large for memory: received messages until they are delivered.
export { memorySpool } from "./memory-spool.ts";
export { Spool } from "./spool.ts";
export { SpoolError } from "./spool-error.ts";
export { inMemory, type SpooledOctets, type SpoolFile } from "./spool-file.ts";
export type { SpoolWriter } from "./spool-writer.ts";
