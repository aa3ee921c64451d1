/**
 * Tells what changed, so that what is remembered can be forgotten. All methods are cheap enough to be asked before
 * every use of a cache.
 */
export interface ChangeFeed {
  /** A number that rises once anything may have changed that statements, rights or keys depend on, by any process. */
  changeCount(): number;
  /**
   * Ids of the accounts, names of the domains and `enrolment:NAME` of the enrolments that changed after `changeCount()`
   * gave `count`; null when that is not known any more: everything is to be forgotten.
   */
  changedSince(count: number): ReadonlySet<string> | null;
}
