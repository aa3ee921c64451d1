import type { DeliveryEvent, RecipientResult } from "../delivery/index.ts";
import type { LeasedMessage } from "../queue/index.ts";
import type { Log } from "./log.ts";

const role = "delivery";
/** Many messages of one account are stopped at a time: they share a line. */
const STOPPED_LINES_MS = 1_000;

interface Stopped {
  readonly account: string | null;
  readonly because: string;
  readonly fate: "held" | "removed";
  messages: number;
}

/** What delivery does, as lines of the log. */
export class DeliveryLog {
  readonly #log: Log;
  readonly #stopped = new Map<string, Stopped>();
  #timer: NodeJS.Timeout | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  note(event: DeliveryEvent): void {
    switch (event.kind) {
      case "queue-failed":
        this.#log.error({ role, err: event.cause }, event.kind);
        break;
      case "attempted":
        this.#attempted(event.message, event.results);
        break;
      case "postponed": {
        const { id, destination } = event.message;
        this.#log.debug({ role, id, destination, text: event.results[0]?.text }, event.kind);
        break;
      }
      case "reported": {
        const { message, recipients, signedBy } = event;
        const actions = Object.fromEntries(
          recipients.map(({ recipient, action }) => [recipient.address, action]),
        );
        this.#log.info({ role, id: message.id, to: message.sender, actions, signedBy }, event.kind);
        break;
      }
      case "undeliverable":
        this.#log.warn({ role, id: event.message.id, recipients: event.failed.length }, event.kind);
        break;
      case "report-dropped":
        this.#log.warn(
          { role, id: event.message.id, to: event.message.sender, because: event.because },
          event.kind,
        );
        break;
      case "stopped":
        this.#stop(event.message.account, event.because, event.fate);
        break;
      default:
        this.#log.error({ role, id: event.message.id, err: event.cause }, event.kind);
    }
  }

  #attempted(message: LeasedMessage, results: readonly RecipientResult[]): void {
    const common = {
      role,
      id: message.id,
      destination: message.destination,
      attempt: message.attempts + 1,
      delayMs: Date.now() - message.enqueuedAt,
    };
    for (const { address, kind, code, enhanced, text, remote, via } of results) {
      const way = via && { host: via.host, address: via.address, tls: via.tls };
      this.#log.info({ ...common, recipient: address, code, enhanced, text, remote, ...way }, kind);
    }
  }

  /** Says what it has not said yet. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const stopped of this.#stopped.values()) this.#log.warn({ role, ...stopped }, "stopped");
    this.#stopped.clear();
  }

  #stop(account: string | null, because: string, fate: "held" | "removed"): void {
    const key = `${account} ${because}`;
    const stopped = this.#stopped.get(key) ?? { account, because, fate, messages: 0 };
    stopped.messages++;
    this.#stopped.set(key, stopped);
    this.#timer ??= setTimeout(() => this.end(), STOPPED_LINES_MS);
  }
}
