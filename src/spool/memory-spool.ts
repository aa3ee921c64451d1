import type { Spool } from "./spool.ts";
import { FileSpoolWriter } from "./spool-writer.ts";

/** A spool without a folder: everything stays in memory. Whoever fills it has to bound it. */
export const memorySpool: Pick<Spool, "receive" | "memoryOctets"> = {
  memoryOctets: Number.POSITIVE_INFINITY,
  receive: () =>
    new FileSpoolWriter({
      newPath: () => {
        throw new Error("more than everything was to stay in memory");
      },
      memoryOctets: Number.POSITIVE_INFINITY,
      syncFolder: null,
    }),
};
