import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a DKIM key, with the strings of its TXT record. */
export interface PublishedKey {
  readonly name: string;
  readonly strings: readonly string[];
}

const atOnce = 200;

/** Whether OpenDKIM verifies each message, with the key in a file instead of DNS; null where it gives no answer. */
export function judgeByOpenDkim(
  messages: readonly Buffer[],
  { name, strings }: PublishedKey,
): (boolean | null)[] {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-opendkim-"));
  try {
    writeFileSync(join(folder, "keys"), `${name} ${strings.join("")}\n`);
    const settings = join(folder, "opendkim.conf");
    writeFileSync(settings, `Mode v\nSyslog no\nTestDNSData file:${join(folder, "keys")}\n`);
    const verdicts: (boolean | null)[] = [];
    for (let at = 0; at < messages.length; at += atOnce) {
      verdicts.push(...judgeBatch(messages.slice(at, at + atOnce), folder, settings));
    }
    return verdicts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function judgeBatch(messages: readonly Buffer[], folder: string, settings: string): (boolean | null)[] {
  const files = messages.map((message, index) => {
    const file = join(folder, `${index}.eml`);
    writeFileSync(file, message);
    return file;
  });
  const { stdout, stderr } = spawnSync("opendkim", ["-x", settings, "-t", files.join(",")], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const lines = `${stdout}${stderr}`.split("\n");
  return files.map((file) => {
    const line = lines.find((one) => one.includes(`${file}: verification`));
    return line?.endsWith("succeeded") ?? null;
  });
}
