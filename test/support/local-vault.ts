import {
  AuditWriter,
  Authenticator,
  type AuthenticatorOptions,
  auditKeyOf,
  Keyring,
  MasterKey,
  UserKeys,
} from "../../src/keyring/index.ts";
import { openKeyringStore } from "../../src/store/index.ts";
import { KeyringVault } from "../../src/vault/index.ts";

/** How users may log in besides PLAIN and LOGIN. */
export type LoginOptions = Partial<Pick<AuthenticatorOptions, "scram" | "tokens">>;

/** A key store in a file with all that asks it, as a process has it that submits with keys of its own. */
export async function openLocalVault(path: string, { scram = false, tokens = null }: LoginOptions = {}) {
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({ location: path, auditKey: auditKeyOf(masterKey) });
  const audit = new AuditWriter(store);
  const limits = {
    recipients: 1_000_000,
    periodMs: 86_400_000,
    newAccountRecipients: 1_000_000,
    newAccountMs: 0,
  };
  const keyring = await Keyring.open({ store, masterKey, limits, scram });
  const authenticator = new Authenticator({ store, masterKey, audit, scram, tokens });
  const keys = new UserKeys({ store, masterKey, audit, limits });
  const access = { authenticator, keys, audit };
  return { store, keyring, access, vault: new KeyringVault(access) };
}
