// Files for what is too large for memory: received messages until they are delivered.
export { Spool, type SpooledOctets, SpoolError, type SpoolFile, type SpoolWriter } from "./spool.ts";
