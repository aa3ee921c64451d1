import type { HostedDomain, Route } from "../config/index.ts";
import type { Resolver } from "../dns/index.ts";
import type { LeasedMessage, Queue, QueueClock, Settled } from "../queue/index.ts";
import type { ClientDeadlines, Dialer, DialTarget } from "../smtp/index.ts";
import type { Bounce } from "./bounce.ts";
import type { FindMaildir } from "./local-delivery.ts";
import type { RecipientResult } from "./result.ts";

export interface DeliveryOptions {
  readonly queue: Queue;
  /** This host's name: for EHLO, in bounces and Maildir file names, and to know itself among mail hosts. */
  readonly hostname: string;
  readonly domains: readonly HostedDomain[];
  readonly routes: readonly Route[];
  readonly findMaildir: FindMaildir;
  readonly resolver: Resolver;
  readonly dialer: Dialer;
  /** For closed test networks: mail hosts may have private and loopback addresses. */
  readonly allowPrivateAddresses?: boolean;
  /** Where mail hosts listen; 25 but in test networks. */
  readonly port?: number;
  /**
   * Sends a bounce: signs it for its own From and queues it with an empty reverse path. Resolves when that is durable;
   * when it rejects, permanent failures are tried once more later instead of being forgotten.
   */
  readonly onBounce: (bounce: Bounce) => Promise<void>;
  /** The From address of the bounce of a message; by default mailer-daemon at this host. */
  readonly bounceFrom?: (message: { readonly sender: string; readonly account: string | null }) => string;
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
  /** Messages in work at a time. */
  readonly messages: number;
  /** Octets of their contents in memory; a message larger than that is worked on alone. */
  readonly contentOctets: number;
  readonly connectionsPerTarget: number;
  readonly messagesPerConnection: number;
  /** How long a connection is kept for the next message. */
  readonly idleMs: number;
  /** How long an address that could not be talked to is left alone. */
  readonly avoidMs: number;
}

export const defaultDeliveryLimits: DeliveryLimits = {
  messages: 100,
  contentOctets: 256 << 20,
  connectionsPerTarget: 10,
  messagesPerConnection: 100,
  idleMs: 5_000,
  avoidMs: 60_000,
};

export type DeliveryEvent =
  | {
      /** One attempt and what it came to; recipients that were given up are among `failed` of `settled`. */
      readonly kind: "attempted";
      readonly message: LeasedMessage;
      readonly results: readonly RecipientResult[];
      readonly settled: Settled;
    }
  | { readonly kind: "bounced"; readonly message: LeasedMessage; readonly bounce: Bounce }
  /** Recipients failed of a message that has nobody to be told: its reverse path is empty. */
  | {
      readonly kind: "undeliverable";
      readonly message: LeasedMessage;
      readonly failed: readonly RecipientResult[];
    }
  | { readonly kind: "bounce-failed"; readonly message: LeasedMessage; readonly cause: unknown }
  /** Something broke here: the message stays in the queue. */
  | { readonly kind: "attempt-failed"; readonly message: LeasedMessage; readonly cause: unknown }
  | { readonly kind: "queue-failed"; readonly cause: unknown };
