import type { Socket } from "node:net";
import { formatProxyHeader } from "../proxy-header.ts";
import type { AgreedTls } from "./agreed-tls.ts";
import { takes, xclientCommands } from "./identity-commands.ts";
import { logIn } from "./log-in.ts";
import {
  type ClientDeadlines,
  type ClientTls,
  type Dialer,
  type DialTarget,
  defaultClientDeadlines,
  type SmtpClientOptions,
} from "./options.ts";
import { type Failure, ownFailure, replyFailure, type Stage } from "./outcome.ts";
import { PeerJudge } from "./peer-judge.ts";
import type { ServerReply } from "./reply-reader.ts";
import { SmtpClient } from "./smtp-client.ts";
import { Wire, WireError } from "./wire.ts";

export type OpenResult =
  | { readonly ok: true; readonly client: SmtpClient }
  | { readonly ok: false; readonly failure: Failure };

/**
 * Dials, reads the greeting, says EHLO (HELO to servers that do not know it), starts TLS and authenticates as the
 * options say. Never rejects for what the network or the server does.
 */
export async function openSmtp(
  dialer: Dialer,
  target: DialTarget,
  options: SmtpClientOptions,
): Promise<OpenResult> {
  const deadlines = { ...defaultClientDeadlines, ...options.deadlines };
  let socket: Socket;
  try {
    socket = await dialer.connect(target, AbortSignal.timeout(deadlines.connectMs));
  } catch (cause) {
    const place =
      target.path === undefined
        ? `${target.host} (${target.address}, port ${target.port})`
        : `${target.host} (${target.path})`;
    const text = `cannot connect to ${place}: ${describe(cause)}`;
    return { ok: false, failure: ownFailure("connect", "4.4.1", text) };
  }
  socket.setNoDelay(true);
  if (options.proxyHeader !== undefined) socket.write(formatProxyHeader(options.proxyHeader));
  const wire = new Wire(socket, options.transcript ?? null);
  const opening = new Opening(wire, options, deadlines);
  let failure: Failure | null;
  try {
    failure = await opening.run();
  } catch (error) {
    wire.fail("the connection was broken off");
    if (!(error instanceof WireError)) throw error;
    failure = ownFailure(opening.stage, "4.4.2", error.message);
  }
  if (failure === null) {
    return { ok: true, client: new SmtpClient(wire, opening, deadlines) };
  }
  wire.fail(failure.text);
  return { ok: false, failure };
}

class Opening {
  readonly #wire: Wire;
  readonly #options: SmtpClientOptions;
  readonly #deadlines: ClientDeadlines;
  readonly protocol: "smtp" | "lmtp";
  stage: Stage = "greeting";
  /** What was agreed on; null: clear text. */
  tls: AgreedTls | null = null;
  /** EHLO keywords, upper case, with their parameters. */
  extensions: ReadonlyMap<string, string> = new Map();

  constructor(wire: Wire, options: SmtpClientOptions, deadlines: ClientDeadlines) {
    this.#wire = wire;
    this.#options = options;
    this.protocol = options.protocol ?? "smtp";
    this.#deadlines = deadlines;
  }

  /** Null when the connection is ready for mail. */
  async run(): Promise<Failure | null> {
    const { tls } = this.#options;
    if (tls.mode === "implicit") {
      const untrusted = await this.#handshake(tls);
      if (untrusted !== null) return untrusted;
    }
    this.stage = "greeting";
    const greeting = await this.#wire.reply(this.#deadlines.greetingMs);
    if (greeting.code !== 220) return replyFailure("greeting", greeting);
    return (
      (await this.#hello()) ??
      (await this.#startTls(tls)) ??
      (await this.#tellClient()) ??
      (await this.#authenticate())
    );
  }

  async #hello(name = this.#options.hostname): Promise<Failure | null> {
    this.stage = "ehlo";
    const verb = this.protocol === "lmtp" ? "LHLO" : "EHLO";
    const ehlo = await this.#ask(`${verb} ${name}`, this.#deadlines.ehloMs);
    if (ehlo.code === 250) {
      this.extensions = parseExtensions(ehlo);
      return null;
    }
    // RFC 5321 §3.2: a server that refuses EHLO as unknown may still know HELO.
    if (ehlo.code < 500 || verb === "LHLO") return replyFailure("ehlo", ehlo);
    const helo = await this.#ask(`HELO ${name}`, this.#deadlines.ehloMs);
    return helo.code === 250 ? null : replyFailure("ehlo", helo);
  }

  async #startTls(tls: ClientTls): Promise<Failure | null> {
    if (tls.mode === "never" || tls.mode === "implicit") return null;
    if (!this.extensions.has("STARTTLS")) {
      return tls.mode === "opportunistic"
        ? null
        : ownFailure("starttls", "4.7.4", "TLS is required but not offered");
    }
    this.stage = "starttls";
    const answer = await this.#ask("STARTTLS", this.#deadlines.tlsMs);
    if (answer.code !== 220) {
      return tls.mode === "opportunistic"
        ? null
        : { ...replyFailure("starttls", answer), status: "deferred" };
    }
    const untrusted = await this.#handshake(tls);
    if (untrusted !== null) return untrusted;
    // RFC 3207 §4.2: what the server said before the handshake is forgotten.
    this.extensions = new Map();
    return this.#hello();
  }

  async #handshake(tls: ClientTls): Promise<Failure | null> {
    this.stage = "starttls";
    const judge = new PeerJudge(tls);
    const secured = await this.#wire.secure(judge.options, this.#deadlines.tlsMs);
    const version = secured.getProtocol() ?? "unknown";
    const { name, standardName } = secured.getCipher();
    this.tls = { version, cipher: standardName ?? name, authenticated: judge.demands };
    this.#wire.note(`   <TLS: ${version}, ${this.tls.cipher}>`);
    const problem = judge.findProblem(secured);
    // RFC 3463 X.7.5. Another day, or another host of the domain, may do better.
    return problem === null ? null : ownFailure("starttls", "4.7.5", problem);
  }

  async #tellClient(): Promise<Failure | null> {
    const { xclient } = this.#options;
    if (xclient === undefined) return null;
    this.stage = "xclient";
    const announced = this.extensions.get("XCLIENT") ?? "";
    if (!takes(announced, "ADDR") || (xclient.login !== null && !takes(announced, "LOGIN"))) {
      return ownFailure("xclient", "4.7.1", "the server takes no XCLIENT from this host");
    }
    for (const command of xclientCommands(xclient, announced)) {
      const answer = await this.#ask(command, this.#deadlines.greetingMs);
      if (answer.code !== 220) return replyFailure("xclient", answer);
    }
    // XCLIENT_README: a new session has begun. Postfix takes the name from its EHLO.
    this.extensions = new Map();
    const { helo } = xclient;
    return this.#hello(helo !== null && /^[\w.:[\]-]+$/.test(helo) ? helo : undefined);
  }

  async #authenticate(): Promise<Failure | null> {
    const { credentials } = this.#options;
    if (credentials === undefined) return null;
    this.stage = "auth";
    if (this.tls === null) return ownFailure("auth", "4.7.11", "a password is never sent without TLS");
    const mechanisms = (this.extensions.get("AUTH") ?? "").toUpperCase().split(" ");
    return logIn(this.#wire, mechanisms, credentials, this.#deadlines.ehloMs);
  }

  #ask(line: string, deadlineMs: number): Promise<ServerReply> {
    this.#wire.send([line]);
    return this.#wire.reply(deadlineMs);
  }
}

function parseExtensions(ehlo: ServerReply): Map<string, string> {
  const extensions = new Map<string, string>();
  for (const line of ehlo.lines.slice(1)) {
    const found = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/.exec(line);
    if (found !== null) extensions.set((found[1] as string).toUpperCase(), found[2] ?? "");
  }
  return extensions;
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
