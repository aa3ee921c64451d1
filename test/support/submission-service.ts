import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { type Verdict, verify } from "../../src/index.ts";
import { PublicKeyView } from "../../src/keyring/index.ts";
import { type Address, parseAddress } from "../../src/message/index.ts";
import {
  type LeasedMessage,
  type NewRecipient,
  piecesOf,
  Queue,
  RetrySchedule,
} from "../../src/queue/index.ts";
import type { Login } from "../../src/signing/index.ts";
import { SmtpServer } from "../../src/smtp/index.ts";
import { Spool } from "../../src/spool/index.ts";
import { openQueueStore } from "../../src/store/index.ts";
import { SubmissionHandler } from "../../src/submission/index.ts";
import { createAuthority } from "./certificates.ts";
import { type LoginOptions, openLocalVault } from "./local-vault.ts";

/** A message as it waits in the queue, with what its recipients' server would say of it. */
export interface QueuedMail {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly text: string;
  readonly verdict: Verdict;
  /** What the sender wants to hear of it (RFC 3461): RET and ENVID, and of its first recipient NOTIFY and ORCPT. */
  readonly dsn: Pick<LeasedMessage, "returned" | "envelopeId"> &
    Pick<NewRecipient, "notify" | "originalRecipient">;
}

/** The submission side of someisp.test on loopback, with a certificate for "localhost"; nothing is delivered. */
export class SubmissionService {
  /** The certificate authority to trust, a PEM file. */
  readonly caFile: string;
  /** TLS from the first octet: 465. */
  readonly smtpsPort: number;
  /** STARTTLS: 587. */
  readonly submissionPort: number;
  readonly #close: () => Promise<void>;
  readonly #queue: Queue;
  readonly #publicKeys: PublicKeyView;

  private constructor(
    service: Pick<SubmissionService, "caFile" | "smtpsPort" | "submissionPort">,
    queue: Queue,
    publicKeys: PublicKeyView,
    close: () => Promise<void>,
  ) {
    this.caFile = service.caFile;
    this.smtpsPort = service.smtpsPort;
    this.submissionPort = service.submissionPort;
    this.#queue = queue;
    this.#publicKeys = publicKeys;
    this.#close = close;
  }

  /** @param accounts addresses in someisp.test with their passwords */
  static async start(
    accounts: Readonly<Record<string, string>>,
    logins: LoginOptions = {},
  ): Promise<SubmissionService> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-clients-"));
    const caFile = join(folder, "ca.pem");
    const authority = await createAuthority();
    writeFileSync(caFile, authority.cert);
    const secureContext = createSecureContext(await authority.issue(["localhost"]));

    const path = join(folder, "keyring.db");
    const { store: keyringStore, keyring, vault } = await openLocalVault(path, logins);
    const spool = await Spool.open(join(folder, "spool"));
    const queueStore = await openQueueStore(join(folder, "queue.db"), spool);
    const queue = new Queue({ store: queueStore, retry: new RetrySchedule() });
    assert.ok((await keyring.addDomain("someisp.test")).ok);
    for (const [address, password] of Object.entries(accounts)) {
      assert.ok((await keyring.addAccount({ address, password })).ok);
    }

    const hostname = "mail.someisp.test";
    const handler = new SubmissionHandler({ hostname, vault, queue, spool });
    const servers: SmtpServer<Login>[] = [];
    const listen = async (tlsMode: "implicit" | "starttls-required"): Promise<number> => {
      const options = { hostname, handler, tlsMode, requireAuth: true, secureContext: () => secureContext };
      const server = new SmtpServer<Login>(options);
      servers.push(server);
      return (await server.listen({ host: "127.0.0.1", port: 0 })).port;
    };
    const [smtpsPort, submissionPort] = [await listen("implicit"), await listen("starttls-required")];
    const publicKeys = new PublicKeyView(keyringStore);
    return new SubmissionService({ caFile, smtpsPort, submissionPort }, queue, publicKeys, async () => {
      await Promise.all(servers.map((server) => server.close()));
      await queue.close();
      await queueStore.close();
      await keyringStore.close();
      rmSync(folder, { recursive: true });
    });
  }

  /** Takes everything out of the queue. */
  async takeQueue(): Promise<QueuedMail[]> {
    const mails: QueuedMail[] = [];
    for (const message of await this.#queue.lease({
      limit: 1000,
      perDestination: () => 1000,
      inWork: new Map(),
    })) {
      const pieces: Uint8Array[] = [];
      for await (const piece of piecesOf(await this.#queue.content(message))) pieces.push(piece);
      const octets = Buffer.concat(pieces);
      const recipients = message.recipients.map(({ address }) => address);
      const verdict = await this.#judge(octets, recipients);
      const { sender, returned, envelopeId } = message;
      const { notify, originalRecipient } = message.recipients[0] as NewRecipient;
      const dsn = { returned, envelopeId, notify, originalRecipient };
      mails.push({ sender, recipients, text: octets.toString("latin1"), verdict, dsn });
      const outcomes = message.recipients.map(({ index }) => ({
        index,
        kind: "delivered" as const,
        detail: "",
      }));
      await this.#queue.settle(message, { outcomes, attempted: true, warned: false, reports: [] });
    }
    return mails;
  }

  stop(): Promise<void> {
    return this.#close();
  }

  #judge(octets: Uint8Array, recipients: readonly string[]): Promise<Verdict> {
    const now = Math.floor(Date.now() / 1000);
    return verify(octets, {
      now,
      recipients: recipients.map((recipient): Address => {
        const parsed = parseAddress(recipient);
        assert.ok(parsed.ok);
        return parsed.address;
      }),
      keys: {
        lookUp: async ({ identity, kid }) => {
          const key = (await this.#publicKeys.keys(identity, now)).find((one) => one.kid === kid);
          if (key?.state !== "active") return { kind: "fail", reason: "no-key", detail: "" };
          return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
        },
      },
    });
  }
}
