/** The known name that a mistyped one most likely means, or null when none is near. */
export function nearestName(typed: string, known: Iterable<string>): string | null {
  const wanted = simplify(typed);
  let nearest: string | null = null;
  let leastDistance = Math.floor(wanted.length / 3) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, simplify(name));
    if (distance >= leastDistance) continue;
    leastDistance = distance;
    nearest = name;
  }
  return nearest;
}

/** "logLevel", "log-level" and "LOG_LEVEL" are the same attempt at one name. */
function simplify(name: string): string {
  return name.slice(0, 64).toLowerCase().replace(/[-_ ]/g, "");
}

/** How many characters must be inserted, removed, replaced or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(beforeLast, j - 2) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
