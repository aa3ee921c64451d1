// Opens TCP connections, or in a closed test network those that stand for them.
export { type DialPlaces, MappingDialer } from "./mapping-dialer.ts";
