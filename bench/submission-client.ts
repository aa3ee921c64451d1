import { MappingDialer } from "../src/dialer/index.ts";
import { type ClientTls, openSmtp, type SmtpClient } from "../src/smtp/index.ts";
import type { PipelineReady } from "./pipeline-server.ts";

const dialer = new MappingDialer();

/** A session with a server of pipeline-server.ts: inside TLS and logged in, where it wants that. */
export async function openSession({ port, certificate }: PipelineReady): Promise<SmtpClient> {
  const host = "mail.someisp.test";
  const tls: ClientTls = certificate ? { mode: "implicit", name: host, ca: certificate } : { mode: "never" };
  const target = { host, address: "127.0.0.1", port };
  const opened = await openSmtp(dialer, target, {
    hostname: "client.test",
    tls,
    ...(certificate ? { credentials: { user: "allice@someisp.test", password: "secret" } } : {}),
  });
  if (!opened.ok) throw new Error(opened.failure.text);
  return opened.client;
}

export async function sendOne(client: SmtpClient, content: Buffer): Promise<void> {
  const [outcome] = await client.send({
    reversePath: "allice@someisp.test",
    recipients: [{ address: "bob@dest.test" }],
    content,
  });
  if (outcome?.status !== "delivered") throw new Error(outcome?.text);
}
