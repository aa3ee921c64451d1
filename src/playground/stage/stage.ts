import { readFile } from "node:fs/promises";
import type { DeliveryEvent } from "../../delivery/index.ts";
import type { Verdict } from "../../signature/index.ts";
import { type Answer, handOver } from "../network/hand-over.ts";
import type { Installation, User } from "../network/installation.ts";
import type { PlaygroundNetwork } from "../network/playground-network.ts";
import type { Recording } from "../network/recording.ts";
import { type Attempt, abridgedDialogue, dialogue, readAttempt } from "./attempt.ts";
import type { Letter } from "./letter.ts";
import { findMail, type StoredMail } from "./mailbox.ts";
import {
  differences,
  judgementOf,
  mailboxState,
  NOTHING,
  type Outcome,
  recordedJudgement,
} from "./outcome.ts";
import type { People } from "./people.ts";

/** A message that was handed to a submission server. */
export interface Submission {
  readonly letter: Letter;
  readonly recipient: string;
  readonly provider: Installation;
  readonly answer: Answer;
  /** Null when it was refused. */
  readonly queueId: string | null;
  /** How far its delivery has been followed, as an index of what happened. */
  followed: number;
}

/** One row of the table. */
export interface Row {
  readonly title: string;
  readonly observed: Outcome;
  /** Where it is not as expected, one line each. */
  readonly faults: readonly string[];
}

/** A row with what stands behind it. */
export interface Case extends Row {
  readonly letter: Letter;
  readonly attempt: Attempt;
  readonly expected: Outcome;
  /** Of the MX, or of a reader who judged the message himself; null when nobody did. */
  readonly verdict: Verdict | null;
  /** As it lies in the mailbox; null when it is not there. */
  readonly mail: StoredMail | null;
}

/** Who tells the audience. */
export interface Narrator {
  tell(text: string): void;
  show(shown: Case): void;
}

/** What a scenario plays with: people, servers, and eyes that see what really happens. */
export class Stage {
  readonly network: PlaygroundNetwork;
  readonly rows: Row[] = [];
  readonly #people: People;
  readonly #recording: Recording;
  readonly #narrator: Narrator;

  constructor(network: PlaygroundNetwork, people: People, recording: Recording, narrator: Narrator) {
    this.network = network;
    this.#people = people;
    this.#recording = recording;
    this.#narrator = narrator;
  }

  tell(text: string): void {
    this.#narrator.tell(text);
  }

  /** Somebody with an account at one of the providers. */
  user(address: string): Promise<User> {
    return this.#people.user(address);
  }

  /** A user's mail client: logs in over TLS and hands a message in. */
  async submit(user: User, letter: Letter, recipient: string): Promise<Submission> {
    const { plan } = user.provider;
    const followed = this.#recording.happenings.length;
    const answer = await handOver(letter.octets, {
      helo: "laptop.test",
      to: { hostname: plan.hostname, port: plan.ports.submissionTls },
      tls: { mode: "implicit", name: plan.hostname, ca: await readFile(this.network.caFile, "utf8") },
      credentials: { user: user.address, password: user.password },
      reversePath: user.address,
      recipients: [recipient],
    });
    const queueId = answer.code === 250 ? (/queued as (\S+)/.exec(answer.text)?.[1] ?? null) : null;
    return { letter, recipient, provider: user.provider, answer, queueId, followed };
  }

  /** Waits for the next attempt to deliver it. */
  nextAttempt(submission: Submission): Promise<Attempt> {
    const { queueId, recipient } = submission;
    return this.#nextAttempt(submission, recipient, ({ message }) => message.id === queueId);
  }

  /** Waits until what its provider made of it for another recipient is on its way. */
  passedOn(submission: Submission, recipient: string): Promise<Attempt> {
    return this.#nextAttempt(submission, recipient, ({ results }) =>
      results.some(({ address }) => address === recipient),
    );
  }

  async #nextAttempt(
    submission: Submission,
    recipient: string,
    fits: (event: DeliveryEvent & { readonly kind: "attempted" }) => boolean,
  ): Promise<Attempt> {
    const { queueId, provider, letter } = submission;
    if (queueId === null) throw new Error(`the submission of ${letter.messageId} was refused`);
    const { plan } = provider;
    const index = await this.#recording.until(`${plan.name} to deliver to ${recipient}`, (all) => {
      const found = all.findIndex(
        (happening, at) =>
          at >= submission.followed &&
          happening.at === plan.name &&
          happening.kind === "delivery" &&
          happening.event.kind === "attempted" &&
          fits(happening.event),
      );
      return found < 0 ? undefined : found;
    });
    const all = this.#recording.happenings;
    const happening = all[index];
    if (happening?.kind !== "delivery" || happening.event.kind !== "attempted")
      throw new Error("not found again");
    const [result] = happening.event.results;
    if (result === undefined) throw new Error("an attempt without recipient");
    const past = all.slice(0, index);
    const seen = readAttempt(past, submission.followed, this.network.dest.plan.name, recipient);
    submission.followed = index + 1;
    if (seen.judged !== null) return { ...seen, reply: result };
    const wire = dialogue(
      past,
      (line) => line.at === plan.name && line.role === "delivery" && line.with === result.remote,
    );
    return { ...seen, wire, reply: result };
  }

  /**
   * Makes a message wait in its sender's queue: the DNS of dest.test is down when it is handed in.
   *
   * @returns it, after the first attempt to deliver it
   */
  async submitAndHold(user: User, letter: Letter, recipient: string): Promise<Submission> {
    this.network.dns.fail("dest.test", "SERVFAIL");
    const submission = await this.submit(user, letter, recipient);
    const { reply } = await this.nextAttempt(submission);
    if (reply.code !== null) throw new Error(`${recipient} could be reached after all`);
    this.tell(`In the queue of ${user.provider.plan.name}, to be tried again: ${reply.text}.`);
    return submission;
  }

  /** dest.test can be found again. */
  release(): void {
    this.network.dns.fail("dest.test", null);
  }

  /** Waits until its provider has stopped it in the queue: the account that sent it may not send any more. */
  async stopped({ queueId, provider, recipient }: Submission): Promise<Attempt> {
    const { name } = provider.plan;
    const text = await this.#recording.until(`${name} to stop what waits for ${recipient}`, (all) => {
      for (const happening of all) {
        if (happening.at !== name || happening.kind !== "delivery") continue;
        const { event } = happening;
        if (event.kind === "stopped" && event.message.id === queueId)
          return `${event.fate}: ${event.because}`;
      }
      return undefined;
    });
    return { reply: { code: null, enhanced: "", text }, judged: null, wire: [], lookups: [] };
  }

  /** Waits until an attempt was the last: the message was taken or refused for good. */
  async finalAttempt(submission: Submission): Promise<Attempt> {
    for (;;) {
      const attempt = await this.nextAttempt(submission);
      const { code } = attempt.reply;
      if (code !== null && (code < 400 || code >= 500)) return attempt;
    }
  }

  /** A stranger's program talks to the MX of dest.test as any host of the world can. */
  async sendFromOutside(
    octets: Uint8Array,
    options: { readonly helo: string; readonly reversePath: string; readonly recipient: string },
  ): Promise<Attempt> {
    const { plan } = this.network.dest;
    const since = this.#recording.happenings.length;
    const { helo, reversePath, recipient } = options;
    const reply = await handOver(octets, {
      helo,
      to: { hostname: plan.hostname, port: plan.ports.smtp },
      reversePath,
      recipients: [recipient],
    });
    return { ...readAttempt(this.#recording.happenings, since, plan.name, recipient), reply };
  }

  /** A submission that was refused, as an attempt that no MX has seen. */
  refusal({ answer }: Pick<Submission, "answer">): Attempt {
    return { reply: answer, judged: null, wire: abridgedDialogue(answer.wire), lookups: [] };
  }

  /** The message in the mailbox of a user of dest.test, once the queue there has delivered it. */
  async delivered({ judged }: Attempt, recipient: string, letter: Letter): Promise<StoredMail | null> {
    const { dest } = this.network;
    if (judged !== null && judged.queuedAs !== null) {
      await this.#recording.until(`dest.test to fill the mailbox of ${recipient}`, (all) =>
        all.find(
          (happening) =>
            happening.at === dest.plan.name &&
            happening.kind === "delivery" &&
            happening.event.kind === "attempted" &&
            happening.event.message.id === judged.queuedAs,
        ),
      );
    }
    return findMail(dest.maildirOf(recipient), letter.messageId);
  }

  /**
   * Compares what was expected of mail to dest.test with what happened, and puts it into the table. The reply is the
   * one that the sending side got; the verdict is read from the mailbox, or where there is nothing from the MX.
   */
  async conclude(
    title: string,
    sent: { readonly letter: Letter; readonly recipient: string },
    attempt: Attempt,
    expected: Outcome,
  ): Promise<void> {
    const { letter, recipient } = sent;
    const { judged, reply } = attempt;
    const mail = await this.delivered(attempt, recipient, letter);
    const faults: string[] = [];
    const byMx = judged && judgementOf(judged.verdict);
    const recorded = mail && recordedJudgement(mail, this.network.dest.plan.hostname);
    if (mail !== null && JSON.stringify(recorded) !== JSON.stringify(byMx)) {
      faults.push(
        `Authentication-Results in the mailbox and the MX disagree: ${recorded?.verdict ?? "none"}`,
      );
    }
    const named = /VSMTP\/(\S+)/.exec(reply.text)?.[1];
    if (named !== undefined && judged && named !== judged.verdict.reason) {
      faults.push(`the reply names ${named}, the MX found ${judged.verdict.reason}`);
    }
    const observed: Outcome = {
      ...(recorded ?? byMx ?? NOTHING),
      reply: reply.code === null ? null : `${reply.code} ${reply.enhanced}`,
      mailbox: mailboxState(mail),
    };
    this.add({ title, letter, attempt, expected, observed, verdict: judged?.verdict ?? null, mail, faults });
  }

  /** Puts into the table what a scenario found out itself. */
  add(found: Case): void {
    const shown = { ...found, faults: [...differences(found.expected, found.observed), ...found.faults] };
    this.rows.push(shown);
    this.#narrator.show(shown);
  }

  /** A scenario that did not come to its end. */
  fail(title: string, cause: unknown): void {
    const fault = cause instanceof Error ? cause.message : String(cause);
    this.rows.push({ title, observed: NOTHING, faults: [fault] });
    this.tell(`NOT AS EXPECTED: ${fault}`);
  }
}
