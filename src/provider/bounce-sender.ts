import { isAscii } from "node:buffer";
import type { Bounce } from "../delivery/index.ts";
import type { Keyring } from "../keyring/index.ts";
import { parseAddress } from "../message/index.ts";
import type { NewMessage, Queue } from "../queue/index.ts";
import { KeyringSigner, signSubmission } from "../signing/index.ts";

/** Who writes the bounces of a domain: a role account that nobody can log in to. */
const ROLE = "mailer-daemon";

/**
 * Sends bounces. Those to our own senders come from their domain's mailer-daemon and carry its signature, like all
 * mail of a domain that signs everything; the role account is made when it is first needed. Without the keyring,
 * or to senders elsewhere, they come from this host, unsigned.
 */
export function bounceSender(
  hostname: string,
  queue: Queue,
  keyring: Keyring | null,
): { readonly send: (bounce: Bounce) => Promise<void>; readonly from: (recipient: string) => string } {
  const hosted = new Set<string>();
  const from = (recipient: string): string => {
    const parsed = parseAddress(recipient);
    return parsed.ok && hosted.has(parsed.address.domain)
      ? `${ROLE}@${parsed.address.domain}`
      : `${ROLE}@${hostname}`;
  };
  if (keyring === null)
    return { from, send: async (bounce) => void (await queue.enqueue([unsigned(bounce)])) };
  const readDomains = async (): Promise<void> => {
    for (const { name } of await keyring.domains()) hosted.add(name);
  };
  const send = async (bounce: Bounce): Promise<void> => {
    const signed = bounce.account === null ? null : await sign(bounce, hostname, keyring);
    await queue.enqueue(signed ?? [unsigned(bounce)]);
    await readDomains();
  };
  readDomains().catch(() => {}); // read again with each bounce; until then bounces come from this host
  return { from, send };
}

async function sign(bounce: Bounce, hostname: string, keyring: Keyring): Promise<NewMessage[] | null> {
  const to = parseAddress(bounce.recipient);
  if (!to.ok) return null;
  const role = { localPart: ROLE, domain: to.address.domain };
  let account = await keyring.owner(role);
  if (account === null) {
    const made = await keyring.addAccount({ address: `${role.localPart}@${role.domain}` });
    account = made.ok ? made.account : await keyring.owner(role);
  }
  if (account === null) return null;
  const result = await signSubmission(
    {
      account: account.id,
      message: [bounce.content],
      recipients: [bounce.recipient],
      smtputf8: !isAscii(Buffer.from(bounce.recipient)),
      authservIds: [hostname],
      now: Date.now(),
    },
    new KeyringSigner(keyring),
  );
  if (result.kind === "refused") return null;
  return result.copies.map(({ recipients, signatures }) => ({
    ...unsigned(bounce),
    recipients,
    prefix: signatures,
    content: result.content,
  }));
}

/** The null reverse path keeps bounces from bouncing (RFC 5321 §4.5.5). */
function unsigned(bounce: Bounce): NewMessage {
  return {
    sender: "",
    recipients: [bounce.recipient],
    prefix: new Uint8Array(0),
    content: bounce.content,
    body: isAscii(bounce.content) ? "7bit" : "8bitmime",
    smtputf8: !isAscii(Buffer.from(bounce.recipient)),
    account: null,
  };
}
