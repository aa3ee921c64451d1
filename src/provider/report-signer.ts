import { isAscii } from "node:buffer";
import { LRUCache } from "lru-cache";
import type { ReportOrder, ReportSigner, SignedReport } from "../delivery/index.ts";
import { SYSTEM_SENDER } from "../keyring/index.ts";
import { type Address, addressText, parseAddress } from "../message/index.ts";
import type { MessageContent, NewMessage } from "../queue/index.ts";
import { receivedInMemory } from "../reception/index.ts";
import { type DkimSigners, type Login, signSubmission, type Vault } from "../signing/index.ts";

export interface ReportSignerOptions {
  /** This host's name. */
  readonly hostname: string;
  /** Null: nobody signs here. */
  readonly vault: Vault | null;
  /** A domain of ours, whose role signs what no other can, such as reports of what was passed on to domains of others. */
  readonly ownDomain?: string | null;
  /** As for users' mail (STP-1). */
  readonly staple: boolean;
  readonly dkim: DkimSigners;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

type Attempt =
  | { readonly kind: "signed"; readonly messages: NewMessage[] }
  | { readonly kind: "nobody" }
  | Later;
type Later = { readonly kind: "later"; readonly cause: unknown };

/** How long reports of a domain wait for their signatures before they go without. */
const UNSIGNED_AFTER_MS = 24 * 3_600_000;
const REMEMBERED_DOMAINS = 1_000;

/**
 * Signs reports, like all mail of a domain that signs everything: they come from the domain's mailer-daemon, an account
 * that the vault makes when it is first needed (NBR-2, PRV-9). Where the vault knows nobody there who could sign, from that of
 * a domain of ours; else from this host, unsigned.
 */
export class RoleReportSigner implements ReportSigner {
  readonly #options: ReportSignerOptions;
  readonly #now: () => number;
  /** Since when the reports of a domain cannot be signed, Unix milliseconds. */
  readonly #failingSince = new LRUCache<string, number>({ max: REMEMBERED_DOMAINS });

  constructor(options: ReportSignerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  isRole(address: string): boolean {
    const parsed = parseAddress(address);
    return parsed.ok && parsed.address.localPart === SYSTEM_SENDER;
  }

  async sign(order: ReportOrder): Promise<SignedReport> {
    const { vault, hostname, ownDomain = null } = this.#options;
    const roles = [order.domain, ...(ownDomain === null ? [] : [ownDomain])].flatMap((domain) => {
      const parsed = parseAddress(`${SYSTEM_SENDER}@${domain}`);
      return parsed.ok ? [parsed.address] : [];
    });
    for (const role of vault === null ? [] : roles) {
      const attempt = await this.#signAs(role, order, vault as Vault).catch(
        (cause): Later => ({ kind: "later", cause }),
      );
      if (attempt.kind === "signed") {
        this.#failingSince.delete(role.domain);
        return { kind: "ready", messages: attempt.messages, signedBy: addressText(role) };
      }
      if (attempt.kind === "later" && !order.overdue && !this.#hasWaitedEnough(role.domain)) return attempt;
    }
    const content = order.compose(`${SYSTEM_SENDER}@${hostname}`);
    const messages = [reportMessage(order, { inline: content, file: null }, !isAscii(content))];
    return { kind: "ready", messages, signedBy: null };
  }

  #hasWaitedEnough(domain: string): boolean {
    const since = this.#failingSince.get(domain) ?? this.#now();
    this.#failingSince.set(domain, since);
    return this.#now() - since >= UNSIGNED_AFTER_MS;
  }

  async #signAs(role: Address, order: ReportOrder, vault: Vault): Promise<Attempt> {
    const login = await vault.assert(role, { client: "", channelBinding: null });
    if (login === null) return { kind: "nobody" };
    if ("kind" in login)
      return login.kind === "denied" ? { kind: "nobody" } : { kind: "later", cause: login.cause };
    try {
      return await this.#signWith(login, role, order);
    } finally {
      login.end();
    }
  }

  async #signWith(login: Login, role: Address, order: ReportOrder): Promise<Attempt> {
    const result = await signSubmission(
      {
        message: receivedInMemory(order.compose(addressText(role))),
        recipients: [order.recipient],
        smtputf8: order.smtputf8,
        authservIds: [this.#options.hostname],
        staple: this.#options.staple,
        flags: ["auto"], // SIG-19
        dkim: this.#options.dkim,
        now: this.#now(),
      },
      login,
    );
    if (result.kind === "refused") {
      const { reply, cause } = result;
      return reply.code < 500 ? { kind: "later", cause: cause ?? reply.text } : { kind: "nobody" };
    }
    const { kids, content, eightBit } = result;
    const messages = result.copies.map(({ signatures }) => {
      return { ...reportMessage(order, content, eightBit), prefix: signatures, kids };
    });
    return { kind: "signed", messages };
  }
}

/** Nobody hears of what becomes of a report: its reverse path is empty (RFC 5321 §4.5.5). */
function reportMessage(order: ReportOrder, content: MessageContent, eightBit: boolean): NewMessage {
  return {
    sender: "",
    recipients: [{ address: order.recipient, notify: ["never"], originalRecipient: null }],
    prefix: new Uint8Array(0),
    content,
    body: eightBit ? "8bitmime" : "7bit",
    smtputf8: order.smtputf8 && eightBit,
    requireTls: order.requireTls,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    suspicious: false,
  };
}
