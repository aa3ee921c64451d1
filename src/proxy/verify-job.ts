import { isAscii } from "node:buffer";
import {
  arrivalBySmtp,
  type Border,
  type DomainSettings,
  forAllDomains,
  type Judged,
  replayKeys,
  sameSettings,
} from "../border/index.ts";
import { applyEdits, canonicalDomain } from "../message/index.ts";
import { newMessageId } from "../queue/index.ts";
import {
  type Envelope,
  type EnvelopeRecipient,
  formatReceivedField,
  type Reply,
  reply,
  type SessionInfo,
} from "../smtp/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Came, Job, Work } from "./job.ts";
import type { Copy } from "./relay.ts";
import type { ReplayMemory } from "./replay-memory.ts";

export interface VerifyJobOptions {
  readonly hostname: string;
  readonly border: Border;
  /** How mail to a domain is treated, where it differs from all other; null: as all is. */
  readonly settingsOf: (domain: string) => DomainSettings | null;
  /** Null: repeats are as good as the first. */
  readonly replays: ReplayMemory | null;
  readonly clock: { now(): number };
}

/** Some recipients of a message, and what is done with it for them. */
interface Part {
  readonly recipients: readonly EnvelopeRecipient[];
  readonly decision: Decision;
}

const CRLF = Buffer.from("\r\n");

/** Mail of others: judged, decided on and recorded as the MX does it; then it goes on, or the client hears why not. */
export class VerifyJob implements Job {
  readonly converts = false;
  readonly #options: VerifyJobOptions;
  readonly #domains = new WeakMap<Envelope, DomainSettings>();

  constructor(options: VerifyJobOptions) {
    this.#options = options;
  }

  /** One reply answers for all recipients of a message: those of a domain with other settings come separately. */
  rcpt(_session: SessionInfo, { domain }: EnvelopeRecipient, envelope: Envelope): Reply | null {
    const settings = this.#options.settingsOf(canonicalDomain(domain) ?? domain) ?? forAllDomains;
    if (envelope.recipients.length === 0) this.#domains.set(envelope, settings);
    return sameSettings(this.#domains.get(envelope) ?? forAllDomains, settings)
      ? null
      : reply(452, "4.5.3", "This recipient's domain is served in a transaction of its own");
  }

  async work(came: Came): Promise<Work> {
    const { border, replays, clock } = this.#options;
    const { envelope, recipients, message } = came;
    const arrival = arrivalBySmtp(came.session, { ...envelope, recipients });
    const judged = await border.judge(message, arrival);
    const domain = this.#domains.get(envelope) ?? forAllDomains;
    const decide = (repeated: boolean) => border.decide(message.scanned, arrival, judged, domain, repeated);
    const decision = decide(false);
    const now = clock.now();
    // What is marked for quarantine was not delivered, and may come again.
    const remembers = replays !== null && decision.action !== "quarantine";
    const keysOf = remembers
      ? replayKeys(judged.verdict, message.scanned.header, decision.action === "tag")
      : () => null;
    const repeated = recipients.filter(({ text }) => {
      const keys = keysOf(text);
      return keys !== null && [keys.own, keys.better].some((key) => key !== null && replays?.has(key, now));
    });
    const parts = partsOf(recipients, repeated, decision, decide);
    const [first] = parts;
    const findings = {
      kind: "verified",
      ...judged,
      decision: first?.decision ?? decision,
      repeated: repeated.length > 0,
    } as const;
    const going = parts.filter((part) => part.decision.reply === null && part.decision.action !== "discard");
    if (going.length === 0) return { kind: "answer", findings, ...answerOf(came, findings.decision) };
    const copies = going.map((part, index) => {
      const id = index === 0 ? came.id : newMessageId(came.receivedAt);
      return this.#copy({ ...came, id, recipients: part.recipients }, judged, part.decision);
    });
    return {
      kind: "pass",
      findings,
      copies,
      taken: (accepted) => {
        for (const { text } of accepted.flatMap((copy) => copy.recipients)) {
          const keys = keysOf(text);
          if (keys !== null) replays?.remember(keys.own);
        }
      },
    };
  }

  /** Writes down what was found out and what is done about it (REC-1, REC-2). */
  #copy({ id, session, envelope, recipients, message }: Came, judged: Judged, decision: Decision): Copy {
    const { hostname, border, clock } = this.#options;
    const { header } = message.scanned;
    const trace = { hostname, date: new Date(clock.now()) };
    const received = formatReceivedField(session, { ...envelope, id, recipients }, trace);
    const prefix = Buffer.concat([border.fields(judged, decision), Buffer.from(received)]);
    const edited = applyEdits(header, border.edits(header, decision));
    const inline = message.hasEmptyLine ? [edited, CRLF] : [edited];
    return {
      id,
      recipients,
      prefix,
      inline,
      body: () => message.readBody(),
      octets: inline.reduce((sum, { length }) => sum + length, prefix.length) + message.bodyOctets,
      eightBit: message.eightBitBody || !isAscii(edited),
    };
  }
}

function partsOf(
  recipients: readonly EnvelopeRecipient[],
  repeated: readonly EnvelopeRecipient[],
  decision: Decision,
  decide: (repeated: boolean) => Decision,
): Part[] {
  const fresh = recipients.filter((recipient) => !repeated.includes(recipient));
  const parts: Part[] = [{ recipients: fresh, decision }];
  if (repeated.length > 0) parts.push({ recipients: repeated, decision: decide(true) });
  return parts.filter((part) => part.recipients.length > 0);
}

function answerOf(
  { id }: Came,
  { reply: answer }: Decision,
): { readonly reply: Reply; readonly cause: null } {
  // Whoever is asked why finds the message by its id in the log.
  const told =
    answer === null
      ? reply(250, "2.0.0", "Ok")
      : reply(answer.code, answer.enhanced, `${answer.text} (${id})`);
  return { reply: told, cause: null };
}
