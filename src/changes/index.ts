// What changed lately, so that what is remembered can be forgotten: no more of it than has changed.
export type { ChangeFeed } from "./change-feed.ts";
export { RecentChanges } from "./recent-changes.ts";
