// One installation: stores, network and servers put together as its settings say.
export { createLog, type Log } from "./log.ts";
export { MappingDialer, type Network, openNetwork } from "./network.ts";
export { type Place, type Provider, type Running, startProvider, type Watchers } from "./provider.ts";
