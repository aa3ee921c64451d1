// Two mail providers and what threatens them, on this machine.
export { Authority } from "./network/authority.ts";
export { connectPlaces, dnsRecords } from "./network/hosts.ts";
export { Installation, type User } from "./network/installation.ts";
export { Observer } from "./network/observer.ts";
export { PlaygroundProblem } from "./network/playground-problem.ts";
export type { InstallationPlan } from "./network/settings.ts";
export { type PlaygroundOptions, runPlayground } from "./run-playground.ts";
