import type { DomainRecords, HostPorts, Hosts } from "./hosts.ts";
import type { InstallationPlan } from "./settings.ts";

// Who is who. All names end in .test, which is nobody's (RFC 6761).

export interface Plans {
  /** Signs what its users send, and keeps the keys of two further domains. */
  readonly someisp: InstallationPlan;
  /** Verifies what arrives; each of its subdomains is at another stage of the policy. */
  readonly dest: InstallationPlan;
  /** Belongs to a spammer. */
  readonly spam: InstallationPlan;
  /** A key server that sends everybody on. */
  readonly branch: InstallationPlan;
}

/** A redirect and a mailing list, as an operator writes them. */
const FORWARDING = `
[domains.forwards]
bob-before = "bob@dest.test"
[domains.lists.choir]
members = ["allice@someisp.test", "bob@dest.test"]
subject_prefix = "[choir]"
`;

const ALL_ROLES = ["submission", "key-server", "mx", "delivery"] as const;

/** @param takePort gives a port that is free */
export function planInstallations(takePort: () => number): Plans {
  const ports = () => ({
    smtp: takePort(),
    keys: takePort(),
    submissionTls: takePort(),
    submissionStartTls: takePort(),
  });
  const someisp: InstallationPlan = {
    name: "someisp.test",
    hostname: "mx.someisp.test",
    roles: ALL_ROLES,
    ports: ports(),
    domains: [{ name: "someisp.test", more: FORWARDING }, { name: "branch.test" }, { name: "late.test" }],
    furtherNames: ["keyserver.someisp.test", "keyserver.branch.test", "keyserver.late.test"],
  };
  const dest: InstallationPlan = {
    name: "dest.test",
    hostname: "mx.dest.test",
    roles: ALL_ROLES,
    ports: ports(),
    domains: [
      { name: "dest.test" },
      { name: "detour.test" },
      { name: "observe.dest.test", stage: "observe" },
      { name: "require.dest.test", stage: "require" },
    ],
    furtherNames: ["keyserver.dest.test"],
  };
  const spam: InstallationPlan = {
    name: "spam.test",
    hostname: "mx.spam.test",
    roles: ALL_ROLES,
    ports: ports(),
    domains: [{ name: "spam.test" }],
  };
  const branch: InstallationPlan = {
    name: "branch.test",
    hostname: "mx.branch.test",
    roles: ["key-server"],
    ports: { ...someisp.ports, keys: takePort() },
    domains: [],
    redirect: `${someisp.hostname}:8757`,
  };
  return { someisp, dest, spam, branch };
}

/** All host names, with what listens behind them. */
export function planHosts(plans: Plans, others: { legacySmtp: number; relaySmtp: number }): Hosts {
  const { smtp, keys } = plans.someisp.ports;
  return new Map<string, HostPorts>([
    ...Object.values(plans).map(({ hostname, ports }: InstallationPlan) => [hostname, ports] as const),
    ["mx.late.test", { smtp }], // its key server is down
    [STAND_IN, { keys }],
    ["mx.legacy.test", { smtp: others.legacySmtp }],
    ["mx.relay.test", { smtp: others.relaySmtp }],
  ]);
}

/** The key server that late.test puts into DNS when its own is down. */
export const STAND_IN = "keyserver.late.test";

/** @param signsAll the policy of a domain that signs all its mail, with its statement key */
export function planDomains(
  { someisp, dest, spam, branch }: Plans,
  signsAll: Map<string, string>,
): DomainRecords[] {
  const mainDomain = ({ name, hostname }: InstallationPlan): DomainRecords => {
    const policy = signsAll.get(name);
    return { name, mx: hostname, ...(policy === undefined ? {} : { policy }) };
  };
  return [
    mainDomain(someisp),
    mainDomain(dest),
    { name: "observe.dest.test", mx: dest.hostname },
    { name: "require.dest.test", mx: dest.hostname },
    { name: "detour.test", mx: "mx.relay.test" },
    { name: "branch.test", mx: branch.hostname },
    { name: "late.test", mx: "mx.late.test" },
    { name: "spam.test", mx: spam.hostname, policy: "v=VSMTP1; p=none" },
    { name: "legacy.test", mx: "mx.legacy.test" },
  ];
}
