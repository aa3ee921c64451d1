// Were two samples drawn from one distribution? Both tests look at the order of the values only, so that a few that took
// very long, as on any busy machine, weigh no more than others.

/** What differs, in the unit in which chance varies. */
export interface Comparison {
  /** Mann-Whitney: how far the one is shifted against the other, in standard deviations. */
  readonly shift: number;
  /** Kolmogorov-Smirnov: the largest distance of the two distributions, 1 where chance reaches it once in 2,000,000. */
  readonly distance: number;
}

/** Beyond it chance gets once in 2,000,000 times, both sides together. */
const RARE_SHIFT = 5.03;
const RARE = 5e-7;

export function compare(one: readonly number[], other: readonly number[]): Comparison {
  const [n, m] = [one.length, other.length];
  const sorted = [
    ...one.map((value) => ({ value, isOne: true })),
    ...other.map((value) => ({ value, isOne: false })),
  ];
  sorted.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ones = 0;
  let others = 0;
  let gap = 0;
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (end < sorted.length && sorted[end]?.value === sorted[start]?.value) end++;
    // Equal values share the mean of their ranks.
    for (const { isOne } of sorted.slice(start, end)) {
      if (isOne) {
        ones++;
        rankSum += (start + 1 + end) / 2;
      } else others++;
    }
    gap = Math.max(gap, Math.abs(ones / n - others / m));
    start = end;
  }
  const shift = (rankSum - (n * (n + m + 1)) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
  return { shift, distance: gap / Math.sqrt((-Math.log(RARE / 2) / 2) * ((n + m) / (n * m))) };
}

/** A false alarm comes once in a million times. */
export function differ({ shift, distance }: Comparison): boolean {
  return Math.abs(shift) > RARE_SHIFT || distance > 1;
}
