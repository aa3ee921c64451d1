import { existsSync } from "node:fs";
import { type Config, usesMailLog } from "../config/index.ts";
import type { MailLogStore } from "../mail-log/index.ts";
import { mailLogLocation, openMailLogStore } from "../store/index.ts";

/** Servers write for milliseconds at a time; a command can wait for that. */
const BUSY_MS = 5_000;

/** Whether these settings are of a host whose mail log was ever written; a file is not made to find it empty. */
export function hasMailLog({ store: { log }, roles }: Config): boolean {
  return log.kind === "file" ? existsSync(log.path) : usesMailLog(roles);
}

/** The mail log's storage, beside the servers that write it. */
export interface OpenMailLogStore extends AsyncDisposable {
  readonly log: MailLogStore;
}

/** @throws MailLogStoreError, StoreMismatchError: it cannot be used, or not now */
export async function openMailLog({ store }: Config): Promise<OpenMailLogStore> {
  const log = await openMailLogStore(await mailLogLocation(store.log), { busyTimeoutMs: BUSY_MS });
  return { log, [Symbol.asyncDispose]: () => log.close() };
}
