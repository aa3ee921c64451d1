import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Authority } from "./certificates.ts";
import { RunningProgram, vsmtp } from "./program.ts";

/** A `vsmtp` with its settings and data in a temporary folder, run as an operator runs it. */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), "vsmtp-installation-"));
  readonly #settings = join(this.folder, "vsmtp.toml");
  #program: RunningProgram | null = null;

  private constructor() {}

  /** @param settings the file, without what stands here; beside it there is `ca.pem`, the authority's certificate */
  static async create(hostname: string, authority: Authority, settings: string): Promise<Installation> {
    const installation = new Installation();
    const { cert, key } = await authority.issue([hostname]);
    const files = {
      "cert.pem": cert,
      "key.pem": key,
      "ca.pem": authority.cert,
      "vsmtp.toml": `hostname = "${hostname}"
data_directory = "data"
${settings}
[tls]
certificate = "cert.pem"
key = "key.pem"
`,
    };
    for (const [name, text] of Object.entries(files)) installation.write(name, text);
    return installation;
  }

  /** Writes a file beside the settings. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text, { mode: 0o600 });
  }

  /** Runs a command to its end, and demands that it succeeds; what it printed. */
  async command(args: readonly string[], input = ""): Promise<string> {
    const ran = await vsmtp([...args, "--config", this.#settings], input);
    assert.equal(ran.status, 0, `vsmtp ${args.join(" ")}: ${ran.stderr}`);
    return ran.stdout;
  }

  async serve(): Promise<void> {
    this.#program = new RunningProgram(["serve", "--config", this.#settings]);
    await this.line((line) => line.msg === "started");
  }

  /** The first line of its log that fits, now or soon. */
  line(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    assert.ok(this.#program, "it does not run");
    return this.#program.line(fits);
  }

  /** The lines of its log so far. */
  get lines(): readonly Record<string, unknown>[] {
    return this.#program?.lines ?? [];
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "latin1");
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
