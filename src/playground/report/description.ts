import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Installation, User } from "../network/installation.ts";
import type { PlaygroundNetwork } from "../network/playground-network.ts";

/** What one has to know to send mail through the playground; also the content of `playground.json`. */
export interface Description {
  readonly folder: string;
  readonly caFile: string;
  readonly dns: string;
  readonly providers: readonly ProviderDescription[];
  readonly users: readonly {
    readonly address: string;
    readonly password: string;
    readonly provider: string;
  }[];
}

export interface ProviderDescription {
  readonly name: string;
  /** In its certificate, beside `localhost` and `127.0.0.1`. */
  readonly hostname: string;
  /** Ports of 127.0.0.1. */
  readonly submissionTls: number;
  readonly submissionStartTls: number;
  readonly smtp: number;
  readonly keys: number;
  readonly settingsFile: string;
  /** Holds a folder for each domain, and in it a Maildir for each user. */
  readonly mailFolder: string;
}

export function describePlayground(network: PlaygroundNetwork, users: readonly User[]): Description {
  const { folder, caFile, dnsPort, someisp, dest, spam } = network;
  return {
    folder,
    caFile,
    dns: `127.0.0.1:${dnsPort}`,
    providers: [someisp, dest, spam].map(describeProvider),
    users: users.map(({ address, password, provider }) => ({
      address,
      password,
      provider: provider.plan.name,
    })),
  };
}

function describeProvider({ plan, folder, settingsFile }: Installation): ProviderDescription {
  const { name, hostname, ports } = plan;
  return { name, hostname, ...ports, settingsFile, mailFolder: join(folder, "mail") };
}

/** For programs that want to send through the playground. */
export async function writeDescription(description: Description): Promise<string> {
  const file = join(description.folder, "playground.json");
  await writeFile(file, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
  return file;
}
