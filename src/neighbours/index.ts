// SPF, DKIM, DMARC and ARC beside VSMTP: asked in parallel, within one deadline, recorded and never obeyed (NBR-1).
export type { NeighbourCheckOptions } from "./check-options.ts";
export type {
  NeighbourCheck,
  NeighbourQuestion,
  NeighbourResult,
  NeighbourResults,
} from "./neighbour-results.ts";
export { openNeighbourCheck } from "./open-neighbour-check.ts";
