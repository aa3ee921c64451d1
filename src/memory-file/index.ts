// What a process has learnt and may forget, in a file that the next one finds.
export { type MemoryFile, type MemoryFileOptions, openMemoryFile } from "./memory-file.ts";
