import * as z from "zod";
import { bindAddress, filePath } from "./values.ts";

export const tlsFiles = { certificate: filePath.optional(), key: filePath.optional() };

/** A listener is a table, or its address alone. */
export function listeners<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  addresses: readonly string[],
  least = 1,
) {
  const table = z.strictObject({ address: bindAddress, ...tlsFiles, ...shape });
  const listener = z.preprocess((value) => (typeof value === "string" ? { address: value } : value), table);
  return z
    .array(listener)
    .min(least)
    .prefault([...addresses]);
}
