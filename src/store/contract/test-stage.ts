import assert from "node:assert/strict";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  type KeyringStore,
  type LimitSettings,
  MasterKey,
  type Outcome,
  PublicKeyView,
  type User,
  UserKeys,
} from "../../keyring/index.ts";
import { parseAddress } from "../../message/index.ts";
import { openKeyringStore } from "../index.ts";
import type { Place } from "./test-place.ts";

/** A keyring with everything that asks it, on a clock that the test moves. */
export interface Stage {
  readonly place: Place;
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  readonly keyring: Keyring;
  readonly userKeys: UserKeys;
  readonly view: PublicKeyView;
  /** Unix seconds. */
  readonly now: number;
  wait(seconds: number): void;
  /** As after a login without password, which opens no key lock. */
  userOf(accountId: string): Promise<User>;
  logIn(address: string, password: string): Promise<User>;
  close(): Promise<void>;
}

export async function stageAt(
  place: Place,
  options: { readonly limits?: LimitSettings; readonly masterKey?: MasterKey } = {},
): Promise<Stage> {
  const masterKey = options.masterKey ?? MasterKey.generate();
  const store = await openKeyringStore({ location: place.location, auditKey: auditKeyOf(masterKey) });
  let now = Date.UTC(2026, 0, 1) / 1000;
  const clock = { now: () => now * 1000 };
  const limits = options.limits === undefined ? {} : { limits: options.limits };
  const audit = new AuditWriter(store);
  const authenticator = new Authenticator({ store, masterKey, audit, clock, scram: false });
  const from = { actor: "ss:test", client: "192.0.2.1" };
  return {
    place,
    store,
    masterKey,
    keyring: await Keyring.open({ store, masterKey, clock, actor: "cli:test", ...limits }),
    userKeys: new UserKeys({ store, masterKey, audit, clock, ...limits }),
    view: new PublicKeyView(store),
    get now() {
      return now;
    },
    wait(seconds) {
      now += seconds;
    },
    async userOf(accountId) {
      const account = (await store.account(accountId)) ?? assert.fail();
      return { account, credential: null, asserted: false, addresses: null, keyLock: null, ...from };
    },
    async logIn(address, password) {
      const exchange = authenticator.logIn("PLAIN", { ...from, channelBinding: null }) ?? assert.fail();
      const step = await exchange.respond(Buffer.from(`\0${address}\0${password}`));
      assert.equal(step.kind, "accepted");
      return (step as typeof step & { readonly kind: "accepted" }).user;
    },
    close: () => store.close(),
  };
}

export function must<T extends object>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.detail);
  return outcome;
}

export async function problem(outcome: Promise<Outcome>): Promise<string> {
  const settled = await outcome;
  return settled.ok ? "ok" : settled.problem;
}

export function addressOf(text: string) {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.address;
}
