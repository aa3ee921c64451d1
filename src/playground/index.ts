// Two mail providers and what threatens them, on this machine.
export { PlaygroundProblem } from "./network/playground-problem.ts";
export { type PlaygroundOptions, runPlayground } from "./run-playground.ts";
