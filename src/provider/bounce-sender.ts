import { isAscii } from "node:buffer";
import type { Bounce } from "../delivery/index.ts";
import { SYSTEM_SENDER } from "../keyring/index.ts";
import { type Address, parseAddress } from "../message/index.ts";
import type { NewMessage, NewRecipient, Queue } from "../queue/index.ts";
import { receivedInMemory } from "../reception/index.ts";
import { signSubmission, type Vault } from "../signing/index.ts";

export interface BounceSender {
  /** Rejects when it is to be tried again. */
  readonly send: (bounce: Bounce) => Promise<void>;
  /** Who the bounce of a message is from. */
  readonly from: (message: { readonly sender: string; readonly account: string | null }) => string;
}

/**
 * Sends bounces. Those to our own senders come from their domain's mailer-daemon and carry its signature, like all mail of
 * a domain that signs everything; the vault makes the role account when it is first needed. Without a vault, or to
 * senders elsewhere, they come from this host, unsigned.
 */
export function bounceSender(hostname: string, queue: Queue, vault: Vault | null): BounceSender {
  return {
    from: ({ sender, account }) => {
      const role = vault === null || account === null ? null : roleFor(sender);
      return `${SYSTEM_SENDER}@${role?.domain ?? hostname}`;
    },
    send: async (bounce) => {
      const signed = vault === null || bounce.account === null ? null : await sign(bounce, hostname, vault);
      await queue.enqueue(signed ?? [unsigned(bounce)]);
    },
  };
}

function roleFor(sender: string): Address | null {
  const parsed = parseAddress(sender);
  return parsed.ok ? { localPart: SYSTEM_SENDER, domain: parsed.address.domain } : null;
}

/** Null where the vault has nobody who could sign it. */
async function sign(bounce: Bounce, hostname: string, vault: Vault): Promise<NewMessage[] | null> {
  const role = roleFor(bounce.recipient);
  const login = role && (await vault.assert(role, { client: "", channelBinding: null }));
  if (login === null) return null;
  if ("kind" in login) throw new Error("the bounce cannot be signed now", { cause: login.cause });
  try {
    const result = await signSubmission(
      {
        message: receivedInMemory(bounce.content),
        recipients: [bounce.recipient],
        smtputf8: !isAscii(Buffer.from(bounce.recipient)),
        authservIds: [hostname],
        staple: false,
        now: Date.now(),
      },
      login,
    );
    if (result.kind === "refused") {
      const { reply, cause } = result;
      if (reply.code < 500)
        throw new Error("the bounce cannot be signed now", { cause: cause ?? reply.text });
      return null;
    }
    return result.copies.map(({ recipients, signatures }) => ({
      ...unsigned(bounce),
      recipients: recipients.map(toNobodyBut),
      prefix: signatures,
      content: result.content,
      kids: result.kids,
    }));
  } finally {
    login.end();
  }
}

/** The null reverse path keeps bounces from bouncing (RFC 5321 §4.5.5). */
function unsigned(bounce: Bounce): NewMessage {
  return {
    sender: "",
    recipients: [toNobodyBut(bounce.recipient)],
    prefix: new Uint8Array(0),
    content: { inline: bounce.content, file: null },
    body: isAscii(bounce.content) ? "7bit" : "8bitmime",
    smtputf8: !isAscii(Buffer.from(bounce.recipient)),
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    quarantined: false,
  };
}

/** Nobody hears of what becomes of a bounce. */
function toNobodyBut(address: string): NewRecipient {
  return { address, notify: ["never"], originalRecipient: null };
}
