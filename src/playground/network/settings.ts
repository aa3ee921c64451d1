import type { Role, Stage } from "../../config/index.ts";
import type { DialPlaces } from "../../dialer/index.ts";

/** What differs between the installations of the playground. */
export interface InstallationPlan {
  /** The name of its main domain; names the folder too. */
  readonly name: string;
  readonly hostname: string;
  readonly roles: readonly Role[];
  readonly ports: { smtp: number; keys: number; submissionTls: number; submissionStartTls: number };
  readonly domains: readonly DomainPlan[];
  /** Names beside its own that its certificate is valid for. */
  readonly furtherNames?: readonly string[];
  /** `-FW` for everyone who asks for keys. */
  readonly redirect?: string;
}

export interface DomainPlan {
  readonly name: string;
  readonly stage?: Stage;
  /** Further lines of its table, and tables in it. */
  readonly more?: string;
}

/** What all of them share. */
export interface Surroundings {
  readonly dnsPort: number;
  readonly caFile: string;
  readonly connect: DialPlaces;
}

/** The `vsmtp.toml` of an installation, as an operator of a closed test network would write it. */
export function settingsText(plan: InstallationPlan, { dnsPort, caFile, connect }: Surroundings): string {
  const { ports, redirect } = plan;
  const places = [...connect].map(([from, { host, port }]) => `${quote(from)} = ${quote(`${host}:${port}`)}`);
  return `roles = [${plan.roles.map(quote).join(", ")}]
hostname = ${quote(plan.hostname)}
data_directory = "."

[tls]
certificate = "cert.pem"
key = "key.pem"

[submission]
listen = [
  { address = "127.0.0.1:${ports.submissionTls}", tls = "implicit" },
  { address = "127.0.0.1:${ports.submissionStartTls}", tls = "starttls" },
]

[key_server]
listen = ["127.0.0.1:${ports.keys}"]
${redirect === undefined ? "" : `redirect = ${quote(redirect)}\n`}
[mx]
listen = ["127.0.0.1:${ports.smtp}"]
${plan.domains.map(domainTable).join("")}
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
ca_file = ${quote(caFile)}
allow_private_addresses = true

[network.connect]
${places.join("\n")}
`;
}

function domainTable({ name, stage, more = "" }: DomainPlan): string {
  return `
[[domains]]
name = ${quote(name)}
maildir_root = ${quote(`mail/${name}`)}
mailboxes = { postmaster = "postmaster", abuse = "postmaster" }
${stage === undefined ? "" : `stage = ${quote(stage)}\n`}${more}`;
}

/** A TOML string: JSON's rules are a part of TOML's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
