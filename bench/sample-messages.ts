// Messages to measure with: what people and programs send, always the same octets.

const HEADER = [
  "Received: from [192.0.2.17] (client.someisp.test [192.0.2.17])",
  "\tby mail.someisp.test with ESMTPSA id 4Xk2Qv0000z1;",
  "\tMon, 05 Jan 2026 09:30:01 +0000",
  "From: Allice Example <allice@someisp.test>",
  "To: Bob Receiver <bob@dest.test>, Carol <carol@dest.test>",
  "Subject: Figures for the first quarter, and a few words on the plan",
  "Date: Mon, 05 Jan 2026 09:30:00 +0000",
  "Message-ID: <20260105093000.a1b2c3@mail.someisp.test>",
  "In-Reply-To: <20260104170000.f00d@mail.dest.test>",
  "References: <20260103120000.cafe@mail.dest.test>",
  " <20260104170000.f00d@mail.dest.test>",
  "MIME-Version: 1.0",
  "User-Agent: Example Mail/3.1",
  "Accept-Language: en-GB",
];
const PLAIN = ["Content-Type: text/plain; charset=utf-8; format=flowed", "Content-Transfer-Encoding: 8bit"];
const WORDS =
  "the quick brown fox jumps over a lazy dog while figures and reports are sent to all offices of the company now and then".split(
    " ",
  );

/** A letter as mail programs write it: wrapped lines, paragraphs, two blanks after a sentence. */
export function letter(octets: number): Buffer {
  return textMessage(octets, (random) => {
    let line = "";
    while (line.length < 64) line += `${word(random)}${random() < 0.02 ? ".  " : " "}`;
    return line.trimEnd();
  });
}

/** A body full of what canonicalization changes: double blanks, tabs, blanks at the ends of lines. */
export function spacedText(octets: number): Buffer {
  return textMessage(octets, (random) => {
    let line = random() < 0.5 ? "\t" : "    ";
    while (line.length < 64)
      line += word(random) + (["  ", " \t", "   "][Math.floor(random() * 3)] as string);
    return line;
  });
}

/** A short letter with a base64 attachment that makes up the size. */
export function attachment(octets: number): Buffer {
  const random = sequence();
  const opening = [
    ...HEADER,
    'Content-Type: multipart/mixed; boundary="=_part"',
    "",
    "--=_part",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "Here are the figures.",
    "--=_part",
    'Content-Type: application/octet-stream; name="figures.bin"',
    "Content-Transfer-Encoding: base64",
    "",
    "",
  ].join("\r\n");
  const ending = "--=_part--\r\n";
  const lines: string[] = [];
  for (let length = opening.length + ending.length; length < octets; length += 78) {
    const raw = Buffer.from(Array.from({ length: 57 }, () => Math.floor(random() * 256)));
    lines.push(`${raw.toString("base64")}\r\n`);
  }
  return Buffer.from(opening + lines.join("") + ending, "latin1");
}

function textMessage(octets: number, nextLine: (random: () => number) => string): Buffer {
  const random = sequence();
  let text = `${[...HEADER, ...PLAIN].join("\r\n")}\r\n\r\n`;
  for (let line = 1; text.length < octets; line++) text += `${line % 9 === 0 ? "" : nextLine(random)}\r\n`;
  return Buffer.from(text, "latin1");
}

function word(random: () => number): string {
  return WORDS[Math.floor(random() * WORDS.length)] as string;
}

/** Numbers from 0 to 1, the same at every run (Park and Miller). */
function sequence(): () => number {
  let state = 20_260_105;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
