import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MappingDialer } from "../../dialer/index.ts";
import { StubResolver } from "../../dns/index.ts";
import { KeyLookup, type LookupReport } from "../../key-lookup/index.ts";
import { parseAddress } from "../../message/index.ts";
import { type Verdict, verify } from "../../signature/index.ts";
import type { PlaygroundNetwork } from "../network/playground-network.ts";
import { type Letter, writeLetter } from "../stage/letter.ts";
import { findMail, type StoredMail } from "../stage/mailbox.ts";
import { judgementOf, mailboxState, NOTHING, type Outcome } from "../stage/outcome.ts";
import type { Scenario } from "../stage/scenario.ts";

const RECIPIENT = "otto@legacy.test";

export const plainReceiver: Scenario = {
  title: "Signed mail to a plain SMTP server",
  story:
    "legacy.test has never heard of VSMTP, and its mail host not of TLS. It takes the message as any other: the " +
    "signature is one more header field. The message arrives octet for octet as Allice wrote it below the fields " +
    "that servers put on top, and a reader who knows VSMTP can still verify it there.",
  play: async (stage) => {
    const allice = await stage.user("allice@someisp.test");
    const { legacy } = stage.network;
    const letter = writeLetter({
      from: `Allice <${allice.address}>`,
      to: RECIPIENT,
      subject: "Greetings from the future",
      text: "  Indented,  with  gaps.  \r\n.\r\n..two dots\r\n\r\n\r\nTrailing lines.\r\n\r\n",
    });
    const sent = await stage.submit(allice, letter, RECIPIENT);
    const attempt = await stage.nextAttempt(sent);
    const mail = await findMail(join(legacy.folder, "otto"), letter.messageId);
    const reading = mail && (await readAsVsmtp(mail.octets, stage.network));
    const { code, enhanced } = attempt.reply;
    const observed: Outcome = {
      ...(reading ? judgementOf(reading.verdict) : NOTHING),
      reply: code === null ? null : `${code} ${enhanced}`,
      mailbox: mailboxState(mail),
    };
    const expected: Outcome = {
      verdict: "pass",
      align: "from",
      rcpt: "match",
      reply: "250 2.0.0",
      mailbox: "inbox",
    };
    const change = mail && changeSince(letter, mail);
    stage.add({
      title: "signed mail to a plain mail host",
      letter,
      attempt: { ...attempt, lookups: reading?.lookups ?? [] },
      expected,
      observed,
      verdict: reading?.verdict ?? null,
      mail,
      faults: change === null ? [] : [change],
    });
    if (change === null)
      stage.tell(
        `Below its trace fields the stored file holds the ${letter.octets.length} octets that were handed in.`,
      );
  },
};

/** What is not as it was handed in, the fields that servers prepend aside; null when nothing is. */
function changeSince(letter: Letter, mail: StoredMail): string | null {
  const start = mail.octets.length - letter.octets.length;
  if (start < 0 || !mail.octets.subarray(start).equals(letter.octets)) return "the message was changed";
  const above = mail.octets.toString("latin1", 0, start).match(/^[^\s:]+(?=:)/gm) ?? [];
  const expected = ["Return-Path", "Received", "Received", "VSMTP-Signature"];
  return above.join() === expected.join() ? null : `it came with ${above.join(", ")} on top`;
}

/** What a mail program could do that knows VSMTP, from its user's machine. */
async function readAsVsmtp(
  octets: Uint8Array,
  { dnsPort, caFile, connect }: PlaygroundNetwork,
): Promise<{ verdict: Verdict; lookups: LookupReport[] }> {
  const lookup = new KeyLookup({
    resolver: new StubResolver({ servers: [{ address: "127.0.0.1", port: dnsPort }] }),
    dialer: new MappingDialer(connect),
    ca: [await readFile(caFile, "utf8")],
    allowPrivateAddresses: true,
  });
  try {
    const lookups: LookupReport[] = [];
    const recipient = parseAddress(RECIPIENT);
    const verdict = await verify(octets, {
      now: Math.floor(Date.now() / 1000),
      recipients: [recipient.ok ? recipient.address : null],
      keys: {
        lookUp: async (query) => {
          const report = await lookup.explain(query);
          lookups.push(report);
          return report.answer;
        },
      },
    });
    return { verdict, lookups };
  } finally {
    lookup.close();
  }
}
