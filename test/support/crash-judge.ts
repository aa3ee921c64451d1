import type { MessageId } from "../../src/queue/index.ts";
import { type CrashMessage, isLost, messageIdOf, rekeyed, steady, tokenOf } from "./crash-messages.ts";
import type { CrashReport } from "./crash-points.ts";
import type { Arrival } from "./crash-sink.ts";

/** What clients were told, what the stores recorded and what arrived, held against one another. */
export class CrashJudge {
  /** Who is done with, and in which life the store recorded it. */
  readonly #done = new Map<string, number>();
  /** What the store recorded of a message, for whoever has to find out what went wrong. */
  readonly #history = new Map<string, string[]>();
  readonly #inserted = new Map<
    MessageId,
    { readonly token: string; readonly recipients: readonly string[] }
  >();

  record(report: CrashReport, life: number): void {
    if (report.kind === "inserted") this.#inserted.set(report.id, report);
    const message = this.#inserted.get(report.id);
    if (message !== undefined) this.#note(message.token, `life ${life}: ${JSON.stringify(report)}`);
    if (report.kind === "inserted") return;
    for (const index of report.done) {
      const recipient = message?.recipients[index];
      if (message !== undefined && recipient !== undefined)
        this.#done.set(key(message.token, recipient), life);
    }
  }

  /**
   * What is wrong, for people; and how many deliveries were made again, which is not wrong.
   *
   * @param heldIds what is held in the queue still
   */
  judge(
    acknowledged: readonly CrashMessage[],
    arrivals: readonly Arrival[],
    heldIds: readonly MessageId[],
  ): { readonly problems: string[]; readonly again: number } {
    const problems: string[] = [];
    const found = new Map<string, Arrival[]>();
    for (const arrival of arrivals) {
      const at = key(tokenOf(arrival.octets), arrival.recipient);
      const others = found.get(at);
      if (others) others.push(arrival);
      else found.set(at, [arrival]);
    }
    const held = this.#held(heldIds);
    for (const message of acknowledged) problems.push(...missing(message, found, held));
    let again = 0;
    for (const [at, several] of found) {
      if (several.length > 1) again++;
      problems.push(...this.#tooOften(at, several));
    }
    const tokens = new Set(problems.map((problem) => tokenOf(Buffer.from(problem))));
    for (const token of tokens) problems.push(...(this.#history.get(token) ?? []));
    return { problems, again };
  }

  #note(token: string, event: string): void {
    const events = this.#history.get(token);
    if (events) events.push(event);
    else this.#history.set(token, [event]);
  }

  #held(ids: readonly MessageId[]): ReadonlySet<string> {
    const messages = ids.flatMap((id) => this.#inserted.get(id) ?? []);
    return new Set(
      messages.flatMap(({ token, recipients }) => recipients.map((recipient) => key(token, recipient))),
    );
  }

  /** A second arrival is right only where the first one was not recorded when the sender died. */
  #tooOften(at: string, arrivals: readonly Arrival[]): string[] {
    const problems: string[] = [];
    const lives = arrivals.filter(({ acknowledged }) => acknowledged).map(({ life }) => life);
    if (new Set(lives).size < lives.length) problems.push(`${at}: again in one life (${lives})`);
    const done = this.#done.get(at);
    const last = Math.max(...arrivals.map(({ life }) => life));
    if (done !== undefined && last > done)
      problems.push(`${at}: came in life ${last}, was done with in ${done}`);
    if (at.endsWith(` ${steady}`) || at.endsWith(` ${rekeyed}`)) {
      const ids = new Set(arrivals.map(({ octets }) => messageIdOf(octets)));
      if (ids.size > 1) problems.push(`${at}: several reports: ${[...ids]}`);
    }
    return problems;
  }
}

function key(token: string, recipient: string): string {
  return `${token} ${recipient}`;
}

function missing(
  { sender, token, recipients, octets }: CrashMessage,
  found: ReadonlyMap<string, readonly Arrival[]>,
  held: ReadonlySet<string>,
): string[] {
  const problems: string[] = [];
  for (const recipient of recipients) {
    const expected = isLost(recipient) ? sender : recipient;
    const arrivals = (found.get(key(token, expected)) ?? []).filter((arrival) => arrival.acknowledged);
    if (arrivals.length === 0 && !held.has(key(token, recipient)))
      problems.push(`${token}: lost on its way to ${expected}`);
    if (expected === sender) continue;
    for (const arrival of arrivals) {
      // What was sent is whole, behind the fields that were added.
      const end = arrival.octets.subarray(-octets.length);
      if (!octets.equals(end)) problems.push(`${token}: changed on its way to ${recipient}`);
    }
  }
  return problems;
}
