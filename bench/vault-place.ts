// A vault for measuring: its keyring in a real SQLite file, with audit log and recipient limits, and what accounts of it
// have to sign.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  MasterKey,
  UserKeys,
} from "../src/keyring/index.ts";
import { type Address, decodeAddress } from "../src/message/index.ts";
import { MessageSigner, signingInput } from "../src/signature/index.ts";
import type { Login, SigningOrder, Vault } from "../src/signing/index.ts";
import { openKeyringStore } from "../src/store/index.ts";
import { letter } from "./sample-messages.ts";

const ACCOUNTS = 100;
/** Recipients are counted, and nobody comes to the end of them. */
const limits = { recipients: 1e9, periodMs: 86_400_000, newAccountRecipients: 1e9, newAccountMs: 0 };

export interface VaultPlace {
  readonly folder: string;
  readonly keyring: Keyring;
  readonly store: Awaited<ReturnType<typeof openKeyringStore>>;
  readonly authenticator: Authenticator;
  readonly keys: UserKeys;
  readonly audit: AuditWriter;
  readonly addresses: readonly string[];
  close(): Promise<void>;
}

export async function openVaultPlace(): Promise<VaultPlace> {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({
    location: join(folder, "keyring.db"),
    auditKey: auditKeyOf(masterKey),
  });
  const keyring = await Keyring.open({ store, masterKey, limits });
  await keyring.addDomain("someisp.test");
  const addresses = Array.from({ length: ACCOUNTS }, (_, n) => `allice${100 + n}@someisp.test`);
  const { refused } = await keyring.addAccounts(addresses.map((address) => ({ address })));
  assert.equal(refused, 0);
  const audit = new AuditWriter(store);
  return {
    folder,
    keyring,
    store,
    audit,
    authenticator: new Authenticator({ store, masterKey, audit, scram: false }),
    keys: new UserKeys({ store, masterKey, audit, limits }),
    addresses,
    close: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Somebody who is logged in and has a copy of a message to be signed. */
export interface Writer {
  readonly login: Login;
  readonly address: Address;
  readonly order: SigningOrder;
}

/** Logs everybody in, and prepares a letter of each to one recipient. */
export function writers(vault: Vault, addresses: readonly string[]): Promise<Writer[]> {
  return Promise.all(
    addresses.map(async (text) => {
      const address = decodeAddress(text);
      assert.ok(address);
      const login = await vault.assert(address, { client: "192.0.2.7", channelBinding: null });
      assert.ok(login !== null && !("kind" in login));
      const found = await login.identify(address);
      assert.ok(found.kind === "granted");
      const kid = found.keys[0]?.kid ?? assert.fail(text);
      const signer = new MessageSigner();
      signer.write(Buffer.from(letter(2048).toString("latin1").replace("allice@", `${address.localPart}@`)));
      const prepared = signer.finish();
      assert.ok(prepared.ok);
      const { headerCanonical } = prepared.draft({
        identity: address,
        kid,
        algorithm: "ed25519-sha256",
        signedAt: Math.floor(Date.now() / 1000),
        recipients: [{ localPart: "bob", domain: "dest.test" }],
      });
      const input = signingInput(headerCanonical);
      const order = {
        identity: address,
        kid,
        recipientCount: 1,
        headerCanonical,
        input,
        messageIdHash: null,
      };
      return { login, address, order };
    }),
  );
}
