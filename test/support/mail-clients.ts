import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClientRun, Dialogue, runClient } from "./client-program.ts";

/** Where and as whom a client sends; `caFile` null trusts the system's authorities only. */
export interface Login {
  readonly tls: "implicit" | "starttls" | "none";
  readonly port: number;
  readonly caFile: string | null;
  readonly user: string;
  readonly password: string;
}

export interface Mail {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** With LF line ends, as in a file. */
  readonly message: string;
}

/** A mail client that people use, and how it is told to send. Each checks the server's certificate. */
export interface MailClient {
  readonly name: string;
  readonly program: string;
  /** What the client shows when the server refuses, and when it does not trust the server. */
  readonly shows: {
    readonly wrongPassword: RegExp;
    readonly foreignSender: RegExp;
    readonly foreignFrom: RegExp;
    readonly noTls: RegExp | null;
    readonly untrusted: RegExp;
  };
  send(login: Login, mail: Mail, folder: string): Promise<ClientRun>;
}

const python: MailClient = {
  name: "Python's smtplib",
  program: "python3",
  shows: {
    wrongPassword: /SMTPAuthenticationError: \(535, b'5\.7\.8 /,
    foreignSender: /SMTPSenderRefused: \(550, b'5\.7\.1 </,
    foreignFrom: /SMTPDataError: \(550, b'5\.7\.1 /,
    noTls: /SMTPNotSupportedError: SMTP AUTH extension not supported by server/,
    untrusted: /SSLCertVerificationError: .*unable to get local issuer certificate/,
  },
  send: (login, { message, ...envelope }) =>
    runClient(
      "python3",
      [join(import.meta.dirname, "send-mail.py"), JSON.stringify({ ...login, ...envelope })],
      message,
    ),
};

const curl: MailClient = {
  name: "curl",
  program: "curl",
  shows: {
    wrongPassword: /curl: \(67\) Login denied/,
    foreignSender: /curl: \(55\) MAIL failed: 550/,
    foreignFrom: /< 550 5\.7\.1 [\s\S]*curl: \(8\) /,
    noTls: /< 530 5\.7\.0 Must issue a STARTTLS command first[\s\S]*curl: \(55\) MAIL failed: 530/,
    untrusted: /curl: \(60\) SSL certificate problem/,
  },
  send: ({ tls, port, caFile, user, password }, { sender, recipients, message }) =>
    runClient(
      "curl",
      [
        ["-sSv", "--crlf", "--upload-file", "-", "--user", `${user}:${password}`, "--mail-from", sender],
        recipients.flatMap((recipient) => ["--mail-rcpt", recipient]),
        caFile === null ? [] : ["--cacert", caFile],
        tls === "starttls" ? ["--ssl-reqd", "--login-options", "AUTH=LOGIN"] : [],
        `${tls === "implicit" ? "smtps" : "smtp"}://localhost:${port}/client.test`,
      ].flat(),
      message,
    ),
};

const swaks: MailClient = {
  name: "swaks",
  program: "swaks",
  shows: {
    wrongPassword: /<~\* 535 5\.7\.8 /,
    foreignSender: /<~\* 550 5\.7\.1 </,
    foreignFrom: /<~\* 550 5\.7\.1 /,
    noTls: /\*\*\* Host did not advertise authentication/,
    untrusted: /TLS startup failed .*certificate verify failed/,
  },
  send: ({ tls, port, caFile, user, password }, { sender, recipients, message }, folder) => {
    const file = join(folder, "swaks.eml");
    writeFileSync(file, message);
    const account = ["--auth-user", user, "--auth-password", password, "--auth", "PLAIN"];
    const security = { implicit: ["--tls-on-connect"], starttls: ["--tls"], none: [] }[tls];
    const trust = caFile === null ? ["--tls-verify"] : ["--tls-verify", "--tls-ca-path", caFile];
    const envelope = ["--from", sender, "--to", recipients.join(","), "--data", `@${file}`];
    return runClient(
      "swaks",
      ["--server", "localhost", "--port", `${port}`, account, security, trust, envelope].flat(),
    );
  },
};

const msmtp: MailClient = {
  name: "msmtp",
  program: "msmtp",
  shows: {
    wrongPassword: /msmtp: server message: 535 5\.7\.8 /,
    foreignSender: /msmtp: server message: 550 5\.7\.1 </,
    foreignFrom: /msmtp: server message: 550 5\.7\.1 /,
    noTls: /msmtp: the server does not support authentication/,
    untrusted: /msmtp: TLS certificate verification failed: .*issuer is unknown/,
  },
  send: ({ tls, port, caFile, user, password }, { sender, recipients, message }) =>
    runClient(
      "msmtp",
      [
        ["--host=localhost", `--port=${port}`, "--auth=plain", `--user=${user}`],
        [`--passwordeval=echo ${password}`, `--from=${sender}`],
        [`--tls=${tls === "none" ? "off" : "on"}`, `--tls-starttls=${tls === "starttls" ? "on" : "off"}`],
        [`--tls-trust-file=${caFile ?? "system"}`],
        ["--", ...recipients],
      ].flat(),
      message,
    ),
};

/** A person at `openssl s_client`, who stops at the first refusal. */
const openssl: MailClient = {
  name: "openssl s_client",
  program: "openssl",
  shows: {
    wrongPassword: /^535 5\.7\.8 /m,
    foreignSender: /^550 5\.7\.1 </m,
    foreignFrom: /^550 5\.7\.1 /m,
    noTls: null,
    untrusted: /verify error:num=20:unable to get local issuer certificate/,
  },
  send: async ({ tls, port, caFile, user, password }, { sender, recipients, message }) => {
    const dialogue = new Dialogue(
      "openssl",
      [
        ["s_client", "-connect", `localhost:${port}`, "-quiet", "-crlf"],
        ["-verify_return_error", "-verify_hostname", "localhost"],
        tls === "starttls" ? ["-starttls", "smtp"] : [],
        caFile === null ? [] : ["-CAfile", caFile],
      ].flat(),
    );
    const credentials = Buffer.from(`\0${user}\0${password}`).toString("base64");
    const lines = [
      "EHLO client.test",
      `AUTH PLAIN ${credentials}`,
      `MAIL FROM:<${sender}>`,
      ...recipients.map((recipient) => `RCPT TO:<${recipient}>`),
      "DATA",
      `${message.replace(/^\./gm, "..")}.`,
    ];
    // It keeps what the server says before and at STARTTLS to itself.
    let reply = tls === "implicit" ? await dialogue.reply() : "220";
    for (const line of lines) {
      if (!/^[23]/.test(reply)) break;
      reply = await dialogue.say(line);
    }
    const refused = !/^2/.test(reply);
    if (reply !== "") await dialogue.say("QUIT");
    const { status, output } = await dialogue.end();
    return { status: refused ? 1 : status, output };
  },
};

export const mailClients: readonly MailClient[] = [python, curl, swaks, msmtp, openssl];
