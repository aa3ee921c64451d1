// Many callers, one transaction.
export { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
