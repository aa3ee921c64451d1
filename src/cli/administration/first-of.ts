/** At most so many rows; more are not even asked for. */
export async function* firstOf<T>(rows: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let left = count;
  for await (const row of rows) {
    yield row;
    if (--left === 0) return;
  }
}
