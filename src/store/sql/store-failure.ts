/** The error by which a store says that its database failed. */
export type StoreFailure = new (problem: "busy" | "full" | "broken", cause: unknown) => Error;
