import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport, type SendMailOptions, type SentMessageInfo } from "nodemailer";
import { Talker } from "../../src/smtp/test-peers.ts";
import type { Author } from "./authors.ts";
import type { Certificate } from "./certificates.ts";
import { MailSink } from "./mail-sink.ts";
import { ProviderHere } from "./provider-here.ts";
import { ReceivingSite } from "./receiving-site.ts";
import { providerSettings } from "./recipes.ts";

/** Who writes at example.org; his password everywhere. */
export const alice = "alice@example.org";
export const password = "secret";

/** Whence others come. Servers that know their host by its addresses do not take this one for theirs. */
export const outside = "127.0.0.5";

/** Where users hand mail in. */
export interface Submission {
  readonly port: number;
  /** Null: nobody logs in. */
  readonly user: string | null;
  readonly tls: "starttls" | "implicit" | "none";
}

/**
 * What is around example.org, where a recipe is tried: allice@someisp.test, who writes to it, dest.test, where its mail goes,
 * and a sink for its mailboxes.
 */
export class RecipeWorld {
  readonly site: ReceivingSite;
  readonly sink = new MailSink();
  readonly #author: Author;
  #letters = 0;

  private constructor(site: ReceivingSite) {
    this.site = site;
    this.#author = site.author("allice@someisp.test");
    site.publish("example.org", "mx1.example.org", "p=reject", "8.8.4.9");
  }

  static async start(): Promise<RecipeWorld> {
    const world = new RecipeWorld(await ReceivingSite.start({ settings: "[neighbours]\nenabled = false\n" }));
    await world.sink.listen();
    return world;
  }

  async stop(): Promise<void> {
    await this.sink.close();
    await this.site.stop();
  }

  /** For mx1.example.org. */
  certificate(): Promise<Certificate> {
    return this.site.authority.issue(["mx1.example.org"]);
  }

  /** Where mail of example.org goes out, in settings of ours. */
  get routes(): string {
    return `[routes]\n"dest.test" = "127.0.0.1:${this.site.port}"\n`;
  }

  /** What `vsmtp serve` runs with a recipe's settings, and alice's account. */
  async startVsmtp(settings: string): Promise<ProviderHere> {
    // Its own next hops are on loopback; what the DNS names is where the site has it.
    const places = new Map([...this.site.places].filter(([place]) => place !== "*"));
    const provider = await ProviderHere.start(
      "mx1.example.org",
      `${providerSettings(settings)}\n[key_server]\nlisten = ["127.0.0.1:0"]\n[neighbours]\nenabled = false\n`,
      { authority: this.site.authority, dnsPort: this.site.dnsPort, places },
    );
    const place = { host: "127.0.0.1", port: provider.port("key-server") };
    this.site.places.set("mx1.example.org:8757", place);
    assert.ok((await provider.keyring.addDomain("example.org")).ok);
    assert.ok((await provider.keyring.addAccount({ address: alice, password })).ok);
    return provider;
  }

  /** What came to the sink for somebody. */
  async delivered(recipient: string): Promise<string> {
    const octets = (await this.sink.take([recipient])).get(recipient);
    return octets?.toString("latin1") ?? assert.fail(`nothing came for ${recipient}`);
  }

  /**
   * What others bring: a message that passes is delivered with its verdict, and as of the client's address; one that was
   * altered is refused, and so is mail for others.
   */
  async tryVerifying(port: number, delivered = (to: string) => this.delivered(to)): Promise<void> {
    const localPart = `bob${++this.#letters}`;
    const recipient = `${localPart}@example.org`;
    const message = this.#author.sign(this.#author.write({ To: `<${recipient}>` }), {
      recipients: [{ localPart, domain: "example.org" }],
    });
    assert.match(await bring(port, message, recipient), /^250 /);
    const text = await delivered(recipient);
    const passed =
      /^Authentication-Results: mx1\.example\.org;\r?\n vsmtp=pass header\.i=allice@someisp\.test/m;
    assert.match(text, passed);
    assert.match(text, new RegExp(`^Received: from mail\\.someisp\\.test \\(.*\\[${outside}\\]\\)`, "m"));
    const altered = message.toString("latin1").replace("Noon?", "Nine?");
    assert.match(await bring(port, altered, recipient), /^550 5\.7\.1 /);
    assert.match(await bring(port, message, "bob@elsewhere.test"), /^[45]5[0-4] /);
  }

  /**
   * What users write is signed: the MX of dest.test says so.
   *
   * @param match of both recipients, of whom one is blind: each has a copy of his own unless this says otherwise
   */
  async trySigning(submission: Submission, match = "match"): Promise<void> {
    const { events } = this.site;
    const seen = events.length;
    const text = `Gr\u00fc\u00dfe ${++this.#letters}\n.\nBye\n`;
    await this.submit(submission, { from: alice, to: "bob@dest.test", bcc: "carol@dest.test", text });
    const verdicts = () =>
      events.slice(seen).flatMap(({ verdict, envelope }) =>
        envelope.recipients.map((recipient) => ({
          to: recipient.text,
          result: verdict.result,
          align: verdict.align,
          match: verdict.rcpt,
        })),
      );
    for (let left = 400; verdicts().length < 2 && left > 0; left--) await sleep(50);
    assert.deepEqual(
      verdicts().toSorted((a, b) => (a.to < b.to ? -1 : 1)),
      ["bob", "carol"].map((name) => ({
        to: `${name}@dest.test`,
        result: "pass",
        align: "from",
        match,
      })),
    );
  }

  submit({ port, user, tls }: Submission, message: SendMailOptions): Promise<SentMessageInfo> {
    const transport = createTransport({
      host: "127.0.0.1",
      port,
      secure: tls === "implicit",
      ignoreTLS: tls === "none",
      requireTLS: tls === "starttls",
      tls: { ca: this.site.authority.cert, servername: "mx1.example.org" },
      ...(user === null ? {} : { auth: { user, pass: password } }),
    });
    return transport.sendMail(message);
  }
}

/** Brings a message from outside. @returns the last thing that is said to it */
export async function bring(port: number, octets: Buffer | string, recipient: string): Promise<string> {
  const talker = await Talker.connect(port, outside);
  try {
    await talker.reply();
    await talker.ask("EHLO mail.someisp.test");
    for (const line of ["MAIL FROM:<allice@someisp.test>", `RCPT TO:<${recipient}>`, "DATA"]) {
      const answer = await talker.ask(line);
      if (!/^[23]/.test(answer)) return answer;
    }
    talker.send(`${octets.toString("latin1").replaceAll(/(?<=^|\r\n)\./g, "..")}.\r\n`);
    return await talker.reply();
  } finally {
    talker.destroy();
  }
}
