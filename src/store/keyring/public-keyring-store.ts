import type { PublicDomain, PublicKeyringStore, PublicRecord } from "../../keyring/index.ts";
import type { SqlDriver } from "../sql/driver.ts";
import { publicDomain, publicDomains } from "./domains.ts";
import { publicRecord } from "./rights.ts";

/** What anyone may know, for a key server without private keys: its statements never read a sealed key. */
export class SqlPublicKeyringStore implements PublicKeyringStore {
  protected readonly driver: SqlDriver;

  constructor(driver: SqlDriver) {
    this.driver = driver;
  }

  changeCount(): number {
    return this.driver.changeCount();
  }

  changedSince(count: number): ReadonlySet<string> | null {
    return this.driver.changedSince(count);
  }

  publicDomain(name: string): Promise<PublicDomain | null> {
    return this.driver.read(publicDomain(name));
  }

  publicDomains(): Promise<readonly PublicDomain[]> {
    return this.driver.read(publicDomains());
  }

  publicRecord(address: string): Promise<PublicRecord | null> {
    return this.driver.read(publicRecord(address));
  }

  close(): Promise<void> {
    return this.driver.close();
  }
}
