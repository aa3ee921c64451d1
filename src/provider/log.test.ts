import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { createLog } from "./log.ts";

function logged(err: unknown): { message?: string; stack?: string } {
  const stream = new PassThrough();
  createLog("info", stream).error({ err }, "failed");
  return JSON.parse(String(stream.read())).err;
}

test("an error says each text once, its cause's too", () => {
  const cause = new Error("disk is full");
  assert.equal(
    logged(new Error("queue store: disk is full", { cause })).message,
    "queue store: disk is full",
  );
  assert.doesNotMatch(String(logged(new Error("queue store: disk is full", { cause })).stack), /caused by/);
  assert.equal(logged(new Error("cannot store", { cause })).message, "cannot store: disk is full");
  assert.match(String(logged(cause).stack), /^Error: disk is full\n +at /);
  assert.equal(logged("no error"), "no error");
});
