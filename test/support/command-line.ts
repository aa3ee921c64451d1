import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ran, vsmtp } from "./program.ts";

type JsonObject = Record<string, unknown>;

/** An installation without servers, and its commands as an operator types them. */
export class CommandLine {
  readonly folder = mkdtempSync(join(tmpdir(), "vsmtp-commands-"));
  readonly settings = join(this.folder, "vsmtp.toml");

  /** @param more further tables of the settings; the certificate's files are the test's to write */
  constructor(more = "", roles: readonly string[] = ["submission"]) {
    writeFileSync(
      this.settings,
      `roles = ${JSON.stringify(roles)}
hostname = "mx.someisp.test"
data_directory = "data"
[tls]
certificate = "cert.pem"
key = "key.pem"
${more}`,
    );
  }

  run(line: string, input = ""): Promise<Ran> {
    return vsmtp([...words(line), "--config", this.settings], input);
  }

  /** It must be done, and prints this on standard output; standard error stays empty. */
  async does(line: string, said: RegExp, input = ""): Promise<void> {
    const { status, stdout, stderr } = await this.run(line, input);
    assert.deepEqual([status, stderr], [0, ""], line);
    assert.match(stdout, said, line);
  }

  /** It must be refused in one line on standard error, and print nothing else. */
  async refuses(line: string, said: RegExp, status = 2, input = ""): Promise<void> {
    const ran = await this.run(line, input);
    assert.deepEqual([ran.status, ran.stdout], [status, ""], `${line}\n${ran.stderr}`);
    assert.match(ran.stderr, /^vsmtp: [^\n]*\n$/, line);
    assert.match(ran.stderr, said, line);
  }

  /** The objects that it prints with --json. */
  async objects(line: string, input = ""): Promise<JsonObject[]> {
    const { status, stdout, stderr } = await this.run(`${line} --json`, input);
    assert.deepEqual([status, stderr], [0, ""], line);
    return stdout
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text));
  }

  /** The only object that it prints with --json. */
  async object(line: string, input = ""): Promise<JsonObject> {
    const objects = await this.objects(line, input);
    assert.equal(objects.length, 1, line);
    return objects[0] ?? {};
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A command line as a shell would split it, with double quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}
