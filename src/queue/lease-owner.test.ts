import { equal, notEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { isGone, newOwner, processHost } from "./lease-owner.ts";

test("an owner is gone when its process on this host is", () => {
  const host = processHost();
  const { pid } = spawnSync(process.execPath, ["--version"]);
  equal(isGone(`${host}:${pid}:abc`, host), true);
  equal(isGone(`elsewhere:${pid}:abc`, host), false, "another host's processes are not known here");
  equal(isGone(newOwner(host), host), false, "this process");
  notEqual(newOwner(host), newOwner(host));
});

test("what is no owner's name is nobody's to judge", () => {
  for (const owner of ["", "h", "h:1", "h:0:x", "h:-1:x", "h:1e9:x", "3f0a-uuid"])
    equal(isGone(owner, "h"), false);
});
