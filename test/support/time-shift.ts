const now = Date.now;
let shiftMs = 0;

// At once: some keep the function itself.
Date.now = () => now() + shiftMs;

/** The clock of this process goes on by so much: what is remembered for minutes is forgotten. */
export function passSeconds(seconds: number): void {
  shiftMs += seconds * 1000;
}
