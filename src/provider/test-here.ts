// What the tests of this module sign with: the key store of here.test, and a vault that uses it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReportOrder } from "../delivery/index.ts";
import { AuditWriter, Authenticator, auditKeyOf, Keyring, MasterKey, UserKeys } from "../keyring/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";

export async function openHere() {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-provider-"));
  const masterKey = MasterKey.generate();
  const location = join(folder, "keyring.db");
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  const audit = new AuditWriter(store);
  const keyring = await Keyring.open({ store, masterKey });
  assert.ok((await keyring.addDomain("here.test")).ok);
  const authenticator = new Authenticator({ store, masterKey, audit, scram: false, tokens: null });
  const vault = new KeyringVault({ authenticator, keys: new UserKeys({ store, masterKey, audit }) });
  return {
    store,
    masterKey,
    keyring,
    vault,
    async close(): Promise<void> {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A report that wants a signature. */
export function order(overrides: Partial<ReportOrder> = {}): ReportOrder {
  return {
    recipient: "alice@here.test",
    domain: "here.test",
    smtputf8: false,
    requireTls: false,
    overdue: false,
    compose: (from) =>
      Buffer.from(`From: <${from}>\r\nTo: <alice@here.test>\r\nSubject: Not delivered\r\n\r\nSorry.\r\n`),
    ...overrides,
  };
}
