// Users of someisp.test whose mail is signed, and how a receiver sees it.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { PublicKeyView } from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import { verify } from "../signature/index.ts";
import { Mode, type ModeName } from "../submission/test-modes.ts";
import { NOW_S } from "./test-proxy.ts";

export async function openUsers(t: TestContext, name: ModeName = "keyring in the process") {
  const mode = await Mode.start(name, {
    clock: { now: () => NOW_S * 1000 },
    limit: 200,
    replyMs: 1000,
    mayAssert: true,
  });
  t.after(() => mode.stop());
  const { keyring } = mode;
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const accounts = new Map<string, string>();
  for (const user of ["allice", "boss"]) {
    const made = await keyring.addAccount({ address: `${user}@someisp.test`, password: "secret" });
    assert.ok(made.ok);
    accounts.set(user, made.account.id);
  }
  const view = new PublicKeyView(mode.store);
  return {
    mode,
    vault: mode.vault,
    account: (user: string) => accounts.get(user) ?? assert.fail(user),
    /** As its receiver sees a message now. */
    verdictOf: async (content: string, to: readonly string[]): Promise<string> => {
      const recipients = to.map((text): Address => {
        const parsed = parseAddress(text);
        return parsed.ok ? parsed.address : assert.fail(text);
      });
      const verdict = await verify(Buffer.from(content, "latin1"), {
        now: NOW_S,
        recipients,
        keys: {
          lookUp: async ({ identity, kid }) => {
            const key = (await view.keys(identity, NOW_S)).find((one) => one.kid === kid);
            if (key?.state !== "active") return { kind: "fail", reason: "no-key", detail: "" };
            return { kind: "key", spki: key.spki, grants: key.grants, trust: null };
          },
        },
      });
      return `${verdict.result} ${verdict.align} ${verdict.rcpt}`;
    },
  };
}
