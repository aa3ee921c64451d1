import type { HostedDomain, NextHopCredentials, Route } from "../config/index.ts";
import type { Resolver } from "../dns/index.ts";
import type { LeasedMessage, MessageId, Queue, QueueClock, Settled } from "../queue/index.ts";
import type { ClientDeadlines, Dialer, DialTarget } from "../smtp/index.ts";
import type { MtaStsPolicies } from "../transport-security/index.ts";
import type { AddressExpansion } from "./address-expansion.ts";
import type { FindMaildir } from "./local-delivery.ts";
import type { ReportSigner } from "./reports/report-signer.ts";
import type { ReportEvent } from "./reports/reporter.ts";
import type { RecipientResult } from "./result.ts";
import type { SenderStanding } from "./sender-standing.ts";

export interface DeliveryOptions {
  readonly queue: Queue;
  /** This host's name: for EHLO, in reports and Maildir file names, and to know itself among mail hosts. */
  readonly hostname: string;
  readonly domains: readonly HostedDomain[];
  readonly routes: readonly Route[];
  readonly findMaildir: FindMaildir;
  /** Addresses that stand for others; without this none does. */
  readonly expansion?: AddressExpansion;
  readonly resolver: Resolver;
  readonly dialer: Dialer;
  /** For closed test networks: mail hosts may have private and loopback addresses. */
  readonly allowPrivateAddresses?: boolean;
  /** Whether mail sent to this address comes back to us: then it is no mail host of others. */
  readonly isOwnAddress?: (address: string) => boolean;
  /** Where mail hosts listen; 25 but in test networks. */
  readonly port?: number;
  /** Whether TLSA records of other domains count (RFC 7672); they do unless this is false. */
  readonly dane?: boolean;
  /** The MTA-STS policies of other domains (RFC 8461); without this none count. */
  readonly mtaSts?: MtaStsPolicies | null;
  /** PEM of the authorities that servers' certificates may come from; without this the system's. */
  readonly ca?: readonly string[] | null;
  /** Of the next hops that have credentials. */
  readonly passwordOf?: (credentials: NextHopCredentials) => string;
  /** Signs what senders are told. */
  readonly reportSigner: ReportSigner;
  /** How old a message is when its sender hears that it is delayed; null: never. The queue's own. */
  readonly warnAfterMs: number | null;
  /** Whether senders' keys are still good; without this nobody asks. */
  readonly standing?: SenderStanding;
  /** What becomes of a message whose account was stopped. */
  readonly stoppedMail: "hold" | "remove";
  /** For the log. Must not throw. */
  readonly onEvent?: (event: DeliveryEvent) => void;
  /** The SMTP dialogue with each target, line by line; messages in work at one time mix. */
  readonly transcript?: (target: DialTarget, line: string) => void;
  readonly clock?: QueueClock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly newId?: () => string;
  readonly limits?: Partial<DeliveryLimits>;
  readonly deadlines?: Partial<ClientDeadlines>;
}

export interface DeliveryLimits {
  /** Messages in work at a time, slow ones not counted. */
  readonly messages: number;
  /** After so long a message is slow: it leaves its place to others. */
  readonly slowMs: number;
  /** Octets of messages' contents in memory; what does not fit waits. */
  readonly contentOctets: number;
  readonly connectionsPerDestination: number;
  readonly messagesPerConnection: number;
  /** How long a connection is kept for the next message. */
  readonly idleMs: number;
  /** How long an attempt waits for a connection that others use. */
  readonly waitMs: number;
  /** How long an address that could not be talked to is left alone. */
  readonly avoidMs: number;
}

export const defaultDeliveryLimits: DeliveryLimits = {
  messages: 100,
  slowMs: 5_000,
  contentOctets: 256 << 20,
  connectionsPerDestination: 10,
  messagesPerConnection: 100,
  idleMs: 5_000,
  waitMs: 60_000,
  avoidMs: 60_000,
};

export type DeliveryEvent =
  | {
      /** What an attempt came to, or the end of what is not tried any more. */
      readonly kind: "attempted";
      readonly message: LeasedMessage;
      readonly results: readonly RecipientResult[];
      /** Where it went on to other addresses: the messages that were queued for them. */
      readonly passedOnAs: readonly MessageId[];
      readonly settled: Settled;
    }
  /** All connections that its servers bear are in use: it is tried again at once, after others. */
  | {
      readonly kind: "postponed";
      readonly message: LeasedMessage;
      readonly results: readonly RecipientResult[];
    }
  | ReportEvent
  /** It is not sent, since the account that sent it was stopped. */
  | {
      readonly kind: "stopped";
      readonly message: LeasedMessage;
      readonly because: string;
      readonly fate: "held" | "removed";
    }
  /** Something broke here: the message stays in the queue. */
  | { readonly kind: "attempt-failed"; readonly message: LeasedMessage; readonly cause: unknown }
  | { readonly kind: "queue-failed"; readonly cause: unknown };
