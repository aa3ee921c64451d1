import type { KeyObject } from "node:crypto";
import type { Config } from "../config/index.ts";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  type KeyringStore,
  KeyStatements,
  loadMasterKey,
  type MasterKey,
  PublicKeyView,
  StatementSigning,
  UserKeys,
} from "../keyring/index.ts";
import { keyringLocation, openKeyringStore } from "../store/index.ts";
import type { StatementOf } from "../vault/index.ts";
import type { Shared } from "./role.ts";
import { openTokenVerifier } from "./token-verifier.ts";

/** The key store of an installation with its master key. Only roles that need private keys open one. */
export interface OpenedKeyring {
  readonly keyring: Keyring;
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
}

/** @throws Error that says why the key store or its master key cannot be used */
export async function openKeyring(
  config: Config,
  closers: (() => Promise<void> | void)[],
): Promise<OpenedKeyring> {
  const masterKey = await loadMasterKey(config.store.masterKey);
  const store = await openKeyringStore({
    location: await keyringLocation(config.store.keyring),
    auditKey: auditKeyOf(masterKey),
  });
  closers.push(() => store.close());
  return { keyring: await Keyring.open({ store, masterKey, ...config.accounts }), store, masterKey };
}

/** What users log in with and sign with: for the role vault, and for a submission server in the same process. */
export interface KeyringAccess {
  readonly audit: AuditWriter;
  readonly authenticator: Authenticator;
  readonly keys: UserKeys;
  readonly statementOf: StatementOf;
}

export async function accessTo(
  { keyring, store, masterKey }: OpenedKeyring,
  { config, network, log }: Pick<Shared, "config" | "network" | "log">,
): Promise<KeyringAccess> {
  const { limits, scram, tokens } = config.accounts;
  const audit = new AuditWriter(store);
  const onFailure = (err: unknown): void => log.warn({ err }, "key statements cannot be made");
  const privateKey = async (domain: string): Promise<KeyObject | null> =>
    (await keyring.statementKey(domain))?.privateKey ?? null;
  const signing = await StatementSigning.open({ store, privateKey, onFailure });
  const statements = new KeyStatements({ view: new PublicKeyView(store), signing, onFailure });
  return {
    audit,
    authenticator: new Authenticator({
      store,
      masterKey,
      decoySecret: await keyring.decoySecret(),
      audit,
      scram,
      tokens: openTokenVerifier(tokens, network),
    }),
    keys: new UserKeys({ store, masterKey, audit, limits }),
    statementOf: (identity, kid) => statements.statementOf(identity, kid),
  };
}
