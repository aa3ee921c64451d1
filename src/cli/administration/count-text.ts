/** `1 account`, `100,000 accounts`. @param noun in the singular; its plural ends in s, or in ies for y */
export function countText(count: number, noun: string): string {
  const plural = noun.endsWith("y") && !/[aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : plural}`;
}
