import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Where process ids mean the same processes: this host since it was started, and on Linux the same container. */
export function processHost(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
    const processes = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
    return `${hostname()}/${boot}/${processes}`;
  } catch {
    return hostname();
  }
}

/** A name for leases of this process. Each call gives another one. */
export function newOwner(host: string): string {
  return `${host}:${process.pid}:${randomBytes(9).toString("base64url")}`;
}

/**
 * Whether an owner is a process of this host that is gone. A recycled process id makes one look alive: its leases run
 * out a minute later.
 */
export function isGone(owner: string, host: string): boolean {
  const [ownerHost, pid, random] = owner.split(":");
  if (ownerHost !== host || random === undefined || !/^[1-9]\d*$/.test(pid ?? "")) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
