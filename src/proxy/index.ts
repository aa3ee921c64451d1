// Before-queue: what comes is verified or signed inside the session and goes on at once; the next hop's reply is ours.
export type { Came, Findings, Job, Work } from "./job.ts";
export { NextHopConnections, type NextHopOptions } from "./next-hop-connections.ts";
export { presentingNobody, type TellClient } from "./presenting.ts";
export type { Passed, PassedEvent, ProxyEvent } from "./proxy-event.ts";
export { ProxyHandler, type ProxyOptions } from "./proxy-handler.ts";
export { ReplayMemory } from "./replay-memory.ts";
export {
  AssertedSenders,
  type AssertedSendersOptions,
  loggedIn,
  type Sender,
  type Senders,
} from "./senders.ts";
export { SignJob, type SignJobOptions } from "./sign-job.ts";
export { AssertingProxyHandler, SubmissionProxyHandler } from "./user-handlers.ts";
export { VerifyJob, type VerifyJobOptions } from "./verify-job.ts";
