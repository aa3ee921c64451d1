// Opens TCP connections, or in a closed test network those that stand for them, and those to Unix sockets.
export { type DialPlaces, MappingDialer } from "./mapping-dialer.ts";
