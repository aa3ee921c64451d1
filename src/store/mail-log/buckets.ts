import { messageIdTime } from "../../queue/index.ts";

/** 17 minutes: a month has 2500 of them to look through, and of a hundred messages a second one has some 20 MiB. */
const BUCKET_MS = 2 ** 20;

/** The part of the index where a time's terms are. */
export function bucketAt(time: number): number {
  return Math.floor(time / BUCKET_MS);
}

export function bucketOf(id: string): number {
  return bucketAt(messageIdTime(id) ?? 0);
}
