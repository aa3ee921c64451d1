// How many recipients an account has written to in any period (LIF-14). A period is cut into 24 slots. What a slot
// holds counts until the whole slot has left the period: a little longer than it must, so that no window of that
// length, wherever it begins, ever holds more than the limit.

const SLOTS_IN_PERIOD = 24;

/** Recipients by number of slot; the number is Unix time in slots. */
export type Slots = readonly (readonly [slot: number, recipients: number])[];

export interface RecipientWindow {
  readonly periodMs: number;
  readonly slots: Slots;
}

export const EMPTY_WINDOW: RecipientWindow = { periodMs: 0, slots: [] };

export function recipientsIn(window: RecipientWindow, periodMs: number, now: number): number {
  return total(current(window, periodMs, now));
}

export type Taken =
  | { readonly kind: "taken"; readonly window: RecipientWindow }
  | { readonly kind: "limited"; readonly freeAt: number | null };

/** Counts recipients if all of them fit; `freeAt` is when they would, null when they never would. */
export function takeRecipients(
  window: RecipientWindow,
  { recipients, limit, periodMs, now }: { recipients: number; limit: number; periodMs: number; now: number },
): Taken {
  const slots = current(window, periodMs, now);
  let used = total(slots);
  if (used + recipients <= limit) {
    return { kind: "taken", window: { periodMs, slots: added(slots, slotOf(now, periodMs), recipients) } };
  }
  if (recipients > limit) return { kind: "limited", freeAt: null };
  for (const [slot, count] of slots) {
    used -= count;
    if (used + recipients <= limit) return { kind: "limited", freeAt: beginOf(leftBy(slot), periodMs) };
  }
  return { kind: "limited", freeAt: null };
}

/** Whole numbers, so that a slot's begin is in the slot whatever the period. */
function slotOf(at: number, periodMs: number): number {
  return Math.floor((at * SLOTS_IN_PERIOD) / periodMs);
}

function beginOf(slot: number, periodMs: number): number {
  return Math.ceil((slot * periodMs) / SLOTS_IN_PERIOD);
}

/** The first slot at whose begin all of this one has left the period. */
function leftBy(slot: number): number {
  return slot + SLOTS_IN_PERIOD + 1;
}

/** The slots that count at this time, in order. Slots that lie ahead, by another machine's clock, count as well. */
function current({ periodMs: cutAs, slots }: RecipientWindow, periodMs: number, now: number): Slots {
  const nowSlot = slotOf(now, periodMs);
  let known = slots;
  if (cutAs !== periodMs) {
    // The settings have changed: what was in a slot is taken to have been at its end, but not after now.
    known = [];
    for (const [slot, count] of slots) {
      const last = Math.max(beginOf(slot, cutAs), Math.min(beginOf(slot + 1, cutAs) - 1, now));
      known = added(known, slotOf(last, periodMs), count);
    }
  }
  return known.filter(([slot]) => leftBy(slot) > nowSlot);
}

function added(slots: Slots, slot: number, recipients: number): Slots {
  const others = slots.filter(([number]) => number !== slot);
  const before = slots.find(([number]) => number === slot)?.[1] ?? 0;
  return [...others, [slot, before + recipients] as const].sort(([a], [b]) => a - b);
}

function total(slots: Slots): number {
  return slots.reduce((sum, [, recipients]) => sum + recipients, 0);
}
