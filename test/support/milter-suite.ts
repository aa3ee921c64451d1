import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { missingCorpus } from "./corpus.ts";
import { bodyOf, hopMessages } from "./hop-messages.ts";
import {
  author,
  border,
  domainOf,
  MilterSites,
  missingMilters,
  orders,
  printer,
  type StartHost,
  straight,
} from "./milter-sites.ts";
import { messagesWrittenBy } from "./written-by.ts";

export interface MilterPeer {
  readonly name: string;
  /** Why it cannot be run here. */
  readonly skip: string | false;
  readonly start: StartHost;
  /** Messages and headers that it refuses, or spoils behind all milters, by their names. */
  readonly cannot: readonly string[];
  /** Of others' messages those that it spoils, by their names. */
  readonly loses: readonly string[];
}

/**
 * What our milter does under a mail server of others: at the one host it signs what users hand in, at the other it
 * verifies, and in between the mail server does to headers and bodies what it does.
 */
export function milterSuite({ name, skip, start, cannot, loses }: MilterPeer): void {
  let sites: MilterSites;

  before(async () => {
    if (skip || missingMilters()) return;
    sites = await MilterSites.start();
    await sites.startHosts(start);
  });
  after(() => sites?.stop());

  const under = (what: string, work: () => Promise<void>): void => {
    test(`${name}: ${what}`, { skip: skip || missingMilters() }, async () => {
      try {
        await work();
      } catch (error) {
        console.log(sites.log());
        throw error;
      }
    });
  };

  /** Sends a message through both hosts. */
  const travel = async (octets: Buffer, recipient: string): Promise<Buffer> => {
    assert.match(await sites.submit({ octets, recipients: [recipient] }), /^250 /);
    return sites.arrived(recipient, 60_000);
  };

  for (const message of hopMessages.filter(({ name }) => !cannot.includes(name))) {
    under(`${message.name} is signed, and passes`, async () => {
      const recipients = message.localParts.map((localPart) => `${localPart}@${domainOf("alone")}`);
      assert.match(await sites.submit({ octets: message.octets(recipients), recipients }), /^250 /);
      const many = recipients.length > mostBound;
      for (const recipient of recipients) {
        const arrived = await sites.arrived(recipient);
        assert.match(results(arrived), many ? /vsmtp=pass .*policy\.rcpt=unbound/ : passed, recipient);
        assert.ok(bodyOf(arrived.toString("latin1")).equals(message.body), `body of ${recipient}`);
      }
    });
  }

  under("50 MiB are signed, and pass", async () => {
    const recipient = `huge@${domainOf("alone")}`;
    const line = `${"0123456789abcdef".repeat(4)}\r\n`;
    const body = Buffer.from(line.repeat(Math.floor((50 * 2 ** 20 - 4096) / line.length)));
    const head = Buffer.from(`From: ${author}\r\nTo: ${recipient}\r\nSubject: Huge\r\n\r\n`);
    const arrived = await travel(Buffer.concat([head, body]), recipient);
    assert.match(results(arrived), passed);
    assert.ok(arrived.subarray(-body.length).equals(body));
  });

  for (const [index, [what, fields]] of oddHeaders.filter(([what]) => !cannot.includes(what)).entries()) {
    under(`${what} is signed, and passes as the mail server writes it`, async () => {
      const recipient = `odd-${index}@${domainOf("alone")}`;
      const octets = Buffer.from(`${fields.replaceAll("RECIPIENT", recipient)}\r\n\r\nHi\r\n`);
      const arrived = await travel(octets, recipient);
      assert.match(results(arrived), passed, arrived.toString("latin1"));
    });
  }

  under("what it completes is signed: Date and Message-ID", async () => {
    const recipient = `complete@${domainOf("alone")}`;
    const arrived = await travel(letter(recipient), recipient);
    const header = headerOf(arrived);
    assert.equal(header.filter((line) => /^date:/i.test(line)).length, 1);
    assert.equal(header.filter((line) => /^message-id:/i.test(line)).length, 1);
    const signature = header.find((line) => /^vsmtp-signature:/i.test(line)) ?? "";
    assert.match(results(arrived), passed);
    // Above what the mail server itself writes, and in front of what came.
    assert.ok(header.indexOf(signature) < header.findIndex((line) => /^from:/i.test(line)));
  });

  for (const signing of orders) {
    for (const verifying of orders) {
      under(`our milter signs ${signing} and verifies ${verifying} of three`, async () => {
        const recipient = `signed-${signing}@${domainOf(verifying)}`;
        assert.match(
          await sites.submit({ octets: letter(recipient), recipients: [recipient] }, signing),
          /^250 /,
        );
        const arrived = await sites.arrived(recipient);
        assert.match(results(arrived), passed);
        const theirs = signing === "alone" ? [] : ["opendkim pass", "rspamd pass"];
        assert.deepEqual(await sites.dkim(arrived), theirs);
        if (verifying === "alone") return;
        const opendkim = results(arrived, "opendkim.dest.test");
        assert.equal(opendkim.match(/dkim=pass/g)?.length ?? 0, theirs.length, opendkim);
      });
    }
  }

  under("whatever others wrote is signed or refused, and passes if it was signed", async () => {
    const lost: string[] = [];
    let passes = 0;
    const messages = messagesWrittenBy(author);
    const left = messages.entries();
    const worker = async (): Promise<void> => {
      for (const [index, { name, octets }] of left) {
        const recipient = `message-${index}@${domainOf("alone")}`;
        const reply = await sites.submit({ octets, recipients: [recipient] });
        if (/^5\d\d /.test(reply)) continue; // it breaks the rules, or has been at too many hosts
        assert.match(reply, /^250 /, name);
        const arrived = await sites.arrivedOrLost(recipient);
        if (arrived !== null && passed.test(results(arrived))) passes++;
        else lost.push(name);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    const expected = messages.filter(({ name }) => loses.includes(name));
    assert.deepEqual(lost.sort(), expected.map(({ name }) => name).sort());
    assert.ok(missingCorpus() || passes > 200, String(passes));
  });

  under("a body in 8 bits is converted before others sign it, and stays as it is behind them", async () => {
    const message = hopMessages.find(({ name }) => name === "8-bit text");
    assert.ok(message);
    for (const order of ["first", "last"] as const) {
      const recipient = `converted-${order}@${domainOf("alone")}`;
      const octets = message.octets([recipient]);
      assert.match(await sites.submit({ octets, recipients: [recipient] }, order), /^250 /);
      const arrived = await sites.arrived(recipient);
      assert.match(results(arrived), passed);
      assert.deepEqual(await sites.dkim(arrived), ["opendkim pass", "rspamd pass"]);
      assert.equal(headerOf(arrived).includes("Content-Transfer-Encoding: base64"), order === "first");
    }
  });

  under("what was forged is refused, whichever milter stands where", async () => {
    for (const order of orders) {
      const recipient = `forged@${domainOf(order)}`;
      const reply = await sites.bring({ octets: letter(recipient), recipients: [recipient] }, order);
      assert.match(reply, /^550 5\.7\.1 /);
    }
  });

  under("REC-2 results in our name go, however they are written, and those of others stay", async () => {
    const forms = [
      ...["Authentication-Results:", "AUTHENTICATION-RESULTS :", "authentication-results\t:"],
      ...["Authentication-Results:\r\n", "Authentication-results: (by)\r\n\t", "Authentication-Results  :"],
    ];
    for (const order of orders) {
      const recipient = `results@${domainOf(order)}`;
      let fields = "";
      for (let n = 0; n < 60; n++) {
        fields += `${forms[n % forms.length]} ${["border.dest.test", '"border.dest.test" 1', "Border.Dest.Test"][n % 3]}; vsmtp=pass\r\n`;
        if (n % 3 === 0) fields += `${forms[(n / 3) % forms.length]} other-${n}.test; spf=pass\r\n`;
      }
      const text = fields + letter(recipient).toString().replace(author, "eve@nowhere.test");
      const eves = { octets: Buffer.from(text), recipients: [recipient], from: "eve@nowhere.test" };
      assert.match(await sites.bring(eves, order), /^250 /);
      const header = headerOf(await sites.arrived(recipient));
      assert.deepEqual(
        header.filter((line) => /vsmtp=pass/i.test(line)),
        [],
      );
      assert.equal(header.filter((line) => /vsmtp=none/.test(line)).length, 1);
      assert.equal(header.filter((line) => /other-\d+\.test/.test(line)).length, 20, order);
    }
  });

  under("what was altered on its way is refused, and as it was it is taken", async () => {
    const recipient = `altered@${domainOf("alone")}`;
    const arrived = (await travel(letter(recipient), recipient)).toString("latin1");
    const again = (text: string): Promise<string> =>
      sites.bring({ octets: Buffer.from(text, "latin1"), recipients: [recipient] });
    assert.match(await again(arrived.replace("Noon?", "Midnight?")), /^550 5\.7\.1 /);
    assert.match(await again(arrived.replace("Subject: Lunch", "Subject: Dinner")), /^550 5\.7\.1 /);
    assert.match(
      await again(arrived.replace(/^VSMTP-Signature:.*\r\n(?:[ \t].*\r\n)*/im, "")),
      /^550 5\.7\.1 /,
    );
    assert.match(await again(arrived), /^250 /);
    // Results in our name that came with it are gone: there is one.
    const taken = headerOf(await sites.arrived(recipient));
    assert.equal(
      taken.filter((line) => /^authentication-results:\s*border\.dest\.test;/i.test(line)).length,
      1,
    );
  });

  under("what is quarantined is kept by the mail server", async () => {
    const before = sites.hosts.receiver.quarantined();
    const recipient = `quarantined@${domainOf("alone")}`;
    const octets = Buffer.from(letter(recipient).toString().replace(author, "eve@careful.test"));
    assert.match(await sites.bring({ octets, recipients: [recipient], from: "eve@careful.test" }), /^250 /);
    assert.equal(sites.hosts.receiver.quarantined(), before + 1);
  });

  under("who has logged in writes as himself only", async () => {
    const recipient = `other@${straight}`;
    const octets = Buffer.from(letter(recipient).toString().replace(author, "bob@someisp.test"));
    assert.match(await sites.submit({ octets, recipients: [recipient] }), /^55[0-9] 5\.7\./);
  });

  under("a client with a certificate is signed for as the account that it stands for", async () => {
    const recipient = `printed@${straight}`;
    const message = { octets: letter(recipient), recipients: [recipient] };
    assert.match(await sites.submitAs(printer, message), /^250 /);
    assert.match((await sites.arrived(recipient)).toString("latin1"), /^VSMTP-Signature:/m);
    // Who has another one is a host like any other: what it brings is verified.
    assert.match(await sites.submitAs("scanner.someisp.test", message), /^550 5\.7\.1 VSMTP\/unsigned/);
  });

  // The last one: nothing is signed from then on.
  under(
    "when our milter stops amid mail, what was taken is signed, and the rest is told to wait",
    async () => {
      const recipients = Array.from({ length: 40 }, (_, index) => `late-${index}@${straight}`);
      const answers = recipients.map((recipient) =>
        sites.submit({ octets: letter(recipient), recipients: [recipient] }),
      );
      await Promise.race(answers);
      await sites.stopSender();
      const taken = (await Promise.all(answers)).filter((answer) => !/^4\d\d /.test(answer));
      assert.ok(taken.length > 0);
      assert.ok(
        taken.every((answer) => /^250 /.test(answer)),
        taken.join("\n"),
      );
      const arrived = await Promise.all(
        recipients.map(async (recipient, index) =>
          /^250 /.test((await answers[index]) ?? "") ? sites.arrived(recipient) : null,
        ),
      );
      for (const message of arrived.filter((each) => each !== null)) {
        assert.match(message.toString("latin1"), /^VSMTP-Signature:/m);
      }
      const recipient = `later@${straight}`;
      assert.match(await sites.submit({ octets: letter(recipient), recipients: [recipient] }), /^4\d\d 4\./);
    },
  );
}

/** To more recipients than that a signature is bound to none (decision 0123). */
const mostBound = 32;

const passed = /vsmtp=pass .*policy\.align=from policy\.rcpt=match/;

const members = Array.from(
  { length: 18 },
  (_, index) => `"Member ${index}" <member-${index}@list.example.test>`,
);

/** Headers as mail servers like to write them anew. */
const oddHeaders: readonly [name: string, fields: string][] = [
  ["a header without blanks", `From:${author}\r\nTo:RECIPIENT\r\nSubject:no blank`],
  [
    "a header with many foldings and blanks",
    `From:\r\n ${author}\r\nTo:\t RECIPIENT,\r\n\t"Bob \\"B\\" Smith"\r\n <bob@example.test>\r\nSubject:   folded\r\n\tand  again \t\r\n \tthere`,
  ],
  [
    "a header with comments, a group and names in other cases",
    `from: "Allice, A." <${author}> (at work)\r\nTO: friends: RECIPIENT, carol@example.test;\r\nSUBJECT: x`,
  ],
  [
    "a long line of addresses",
    `From: Allice <${author}>\r\nTo: RECIPIENT\r\nCc: ${members.join(", ")}\r\nSubject: x`,
  ],
  [
    "a list of addresses without blanks",
    `From: Allice <${author}>\r\nTo: RECIPIENT\r\nCc: ${members.join(",")}\r\nSubject: x`,
  ],
  [
    "a header with encoded words, and fields that are empty or repeat",
    `From: =?utf-8?q?All=C3=ADce?= <${author}>\r\nTo: RECIPIENT\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n =?utf-8?b?R3LDvMOfZQ==?=\r\nX-Empty:\r\nX-Blank: \r\nComments: one\r\nComments: two`,
  ],
  [
    "a header with all that may be in it",
    `Sender: ${author}\r\nFrom: Allice <ALLICE@SomeISP.test>\r\nReply-To: <${author}>\r\nTo: <RECIPIENT>\r\nReferences: <1@example.test>\r\n <2@example.test>\r\n <3@example.test>\r\nSubject: x\r\nDate: Thu, 26 Nov 2026 07:00:00 +0000 (UTC)\r\nMessage-ID: <odd@someisp.test>`,
  ],
];

export function letter(recipient: string): Buffer {
  return Buffer.from(`From: Allice <${author}>\r\nTo: ${recipient}\r\nSubject: Lunch\r\n\r\nNoon?\r\n`);
}

/** The fields of a message, unfolded. */
function headerOf(message: Buffer): string[] {
  const text = message.subarray(0, message.indexOf("\r\n\r\n")).toString("latin1");
  return text.replace(/\r\n(?=[ \t])/g, "").split("\r\n");
}

/** What our milter, or another of that name, noted in Authentication-Results. */
function results(message: Buffer, needle = `${border}; vsmtp=`): string {
  const fields = headerOf(message).filter((line) => /^authentication-results:/i.test(line));
  return fields.find((line) => line.includes(needle)) ?? fields.join("\n");
}
