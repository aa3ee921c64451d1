import type { Config, Role } from "../config/index.ts";
import type { DeliveryEvent } from "../delivery/index.ts";
import type { LookupReport } from "../key-lookup/index.ts";
import type { MxEvent } from "../mx/index.ts";
import type { Queue, RetrySchedule } from "../queue/index.ts";
import type { KeyQuery } from "../signature/index.ts";
import type { Spool } from "../spool/index.ts";
import type { SubmissionEvent } from "../submission/index.ts";
import type { Log } from "./log.ts";
import type { OpenedMailLog } from "./mail-log.ts";
import type { Memories } from "./memories.ts";
import type { Network } from "./network.ts";

/** Where a role listens. */
export interface Place {
  readonly role: Role;
  readonly host: string;
  readonly port: number;
  readonly tls: "implicit" | "starttls" | "plain";
}

/** Part of an installation that runs until it is stopped. */
export interface Running {
  readonly places: readonly Place[];
  stop(): Promise<void>;
}

/** Who watches: the playground shows what happens, `serve` only logs it. */
export interface Watchers {
  readonly onSubmission?: (event: SubmissionEvent) => void;
  readonly onMx?: (event: MxEvent) => void;
  readonly onDelivery?: (event: DeliveryEvent) => void;
  /** Each question of the MX for a key: what came of it and how. */
  readonly onLookup?: (query: KeyQuery, report: LookupReport) => void;
  /** The SMTP dialogue of the MX and of delivery, line by line. */
  readonly onWire?: (role: "mx" | "delivery", id: string, line: string) => void;
}

/** What all roles of one installation share. */
export interface Shared {
  readonly config: Config;
  readonly log: Log;
  readonly network: Network;
  readonly memories: Memories;
  /** What became of each message; where no role has to do with mail, nothing is written. */
  readonly mailLog: Pick<OpenedMailLog, "log" | "store">;
  readonly watchers: Watchers;
  readonly waits: Waits;
}

/** How long what failed waits. */
export interface Waits {
  readonly retry: RetrySchedule;
  /** For destinations as a whole; the queue's usual unless given. */
  readonly rests?: RetrySchedule;
}

/** Where mail is on its way: messages in the queue, the bodies of large ones in files. */
export interface MailStore {
  readonly queue: Queue;
  readonly spool: Spool;
}
