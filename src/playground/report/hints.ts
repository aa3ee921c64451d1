import type { Description } from "./description.ts";
import type { Terminal } from "./terminal.ts";

/** How to send mail through the playground. */
export function printHints(terminal: Terminal, description: Description, descriptionFile: string): void {
  const { caFile, dns, folder, providers, users } = description;
  const [provider] = providers;
  const [user] = users;
  if (provider === undefined || user === undefined) throw new Error("a playground without provider or user");
  const heading = (text: string): void => {
    terminal.line();
    terminal.line(terminal.paint("bold", text));
  };
  const commands = (...lines: string[]): void => {
    for (const line of lines) terminal.line(`    ${line}`);
  };

  heading("Your turn");
  terminal.paragraph(
    "The providers go on running. Send mail through them with any program; the verdict on each message appears " +
      "below. Ctrl-C ends the playground and removes its folder.",
    2,
  );
  terminal.line();
  terminal.line("  PROVIDER      SERVER     TLS    STARTTLS");
  for (const { name, submissionTls, submissionStartTls } of providers) {
    terminal.line(
      `  ${name.padEnd(12)}  localhost  ${String(submissionTls).padEnd(5)}  ${submissionStartTls}`,
    );
  }
  terminal.line();
  terminal.line("  USER                    PASSWORD");
  for (const { address, password } of users) terminal.line(`  ${address.padEnd(22)}  ${password}`);
  terminal.line();
  terminal.line(`  CA file   ${caFile}`);
  terminal.line(`  Folder    ${folder}   (settings, mailboxes, logs)`);
  terminal.line(`  Programs  ${descriptionFile}`);

  const { submissionTls, submissionStartTls, keys, settingsFile } = provider;
  heading("swaks");
  commands(
    `swaks --server localhost --port ${submissionStartTls} --tls --tls-verify \\`,
    `  --tls-ca-path ${caFile} \\`,
    `  --auth PLAIN --auth-user ${user.address} --auth-password ${user.password} \\`,
    `  --from ${user.address} --to bob@dest.test --header 'Subject: Hello'`,
  );
  heading("curl");
  commands(
    `printf 'From: ${user.address}\\nTo: bob@dest.test\\nSubject: Hello\\n\\nHi Bob\\n' |`,
    `curl smtps://localhost:${submissionTls} --cacert ${caFile} \\`,
    `  --user ${user.address}:${user.password} \\`,
    `  --mail-from ${user.address} --mail-rcpt bob@dest.test --crlf --upload-file -`,
  );
  heading("A mail program");
  commands(
    `Outgoing server localhost, port ${submissionTls} with SSL/TLS or ${submissionStartTls} with STARTTLS,`,
    `user name ${user.address}, normal password; import the CA file as an authority first.`,
  );
  heading("Things to try");
  commands(
    "Write to bob@require.dest.test, to otto@legacy.test, and to bob@detour.test (whose relay turns",
    "100 EUR into 900 EUR); write From an address that is not yours. As an operator, in a checkout:",
    "",
    `./vsmtp account list --config ${settingsFile}`,
    `./vsmtp lookup ${user.address} --resolver ${dns} \\`,
    `  --ca ${caFile} --connect 127.0.0.1:${keys}`,
  );
  terminal.line();
  terminal.line(terminal.paint("dim", "Waiting for mail. Ctrl-C ends."));
  terminal.line();
}
