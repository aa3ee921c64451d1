/** Extensions that are not offered in every session. */
export type OptionalExtension = "8BITMIME" | "SMTPUTF8" | "CHUNKING" | "DSN" | "REQUIRETLS";
