import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openKeyringStore } from "../store/index.ts";
import { openKeyLock } from "./credentials/open-key-lock.ts";
import {
  AuditWriter,
  auditKeyOf,
  Keyring,
  type KeyringStore,
  type LimitSettings,
  MasterKey,
  PublicKeyView,
  type User,
  UserKeys,
} from "./index.ts";

/** A kind of database that stores are opened in. */
export interface Place {
  readonly name: string;
  /** Of a new, empty store. */
  location(): string;
}

const folder = mkdtempSync(join(tmpdir(), "vsmtp-keyring-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

export const places: readonly Place[] = [
  { name: "SQLite", location: () => join(folder, `${++files}.sqlite`) },
];

/** A keyring with everything that asks it, on a clock that the test moves. */
export interface Stage {
  readonly location: string;
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  readonly keyring: Keyring;
  readonly userKeys: UserKeys;
  readonly view: PublicKeyView;
  readonly audit: AuditWriter;
  /** Unix seconds. */
  readonly now: number;
  wait(seconds: number): void;
  /** @param password opens the key lock; null: as after a login by token */
  logIn(accountId: string, password: string | null): Promise<User>;
  close(): Promise<void>;
}

export async function stageAt(
  place: Place,
  options: {
    readonly limits?: LimitSettings;
    readonly location?: string;
    readonly masterKey?: MasterKey;
  } = {},
): Promise<Stage> {
  const masterKey = options.masterKey ?? MasterKey.generate();
  const location = options.location ?? place.location();
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  let now = Date.UTC(2026, 0, 1) / 1000;
  const clock = { now: () => now * 1000 };
  const limits = options.limits === undefined ? {} : { limits: options.limits };
  const audit = new AuditWriter(store);
  return {
    location,
    store,
    masterKey,
    audit,
    keyring: await Keyring.open({ store, masterKey, clock, actor: "cli:test", ...limits }),
    userKeys: new UserKeys({ store, masterKey, audit, clock, ...limits }),
    view: new PublicKeyView(store),
    get now() {
      return now;
    },
    wait(seconds) {
      now += seconds;
    },
    async logIn(accountId, password) {
      const account = await store.account(accountId);
      assert.ok(account);
      const [credential] = (await store.credentials(account.primaryAddress))?.credentials ?? [];
      const keyLock =
        password === null || credential === undefined
          ? null
          : await openKeyLock(credential, password, { accountId, masterKey });
      return { account, credentialId: null, addresses: null, keyLock, actor: "ss:test", client: "192.0.2.1" };
    },
    close: () => store.close(),
  };
}
