"use strict";

// vsmtp.ini as the plugin uses it. What is wrong with it is told, all of it; with a setting that is misspelt mail might go
// out unsigned.

const { accountOf, addressText, canonicalAddress, NetworkList, parseAddress, readPolicy } = require("vsmtp");

exports.booleans = [
  "-sign.enabled",
  "-sign.auth",
  "+sign.staple",
  "+verify.enabled",
  "-verify.neighbours",
  "+policy.announce",
  "-policy.dmarc_overrides",
  "-network.allow_private_addresses",
];

const known = {
  main: [],
  sign: [
    ...["enabled", "auth", "vault", "certificate", "key", "ca_file", "server_spki", "mode", "login_domain"],
    ...["unknown_users", "copies", "eight_bit", "staple", "system_sender"],
  ],
  logins: null,
  relays: null,
  verify: ["enabled", "other_hosts", "on_trouble", "neighbours"],
  policy: ["stage", "announce", "deadline", "forged_bounces", "mismatch", "dmarc_overrides"],
  actions: null,
  tag: ["subject"],
  tag_fields: null,
  network: ["resolver", "key_port", "allow_private_addresses", "ca_file"],
};

/**
 * @param ini as haraka-config reads it, with `booleans`
 * @param timeout_s what Haraka gives a plugin for a hook; 0: as long as it wants
 * @returns the settings, and what is wrong with them
 */
exports.read = (ini, timeout_s) => {
  const problems = unknown_names(ini);
  const problem = (text) => void problems.push(text);
  const { sign = {}, verify = {}, network = {} } = ini;
  const settings = {
    sign: {
      enabled: sign.enabled,
      auth: sign.auth,
      vault: sign.enabled ? read_vault(sign, problem) : null,
      mode: one_of(sign.mode, ["sign", "getkey"], "sign.mode", problem),
      login_domain: sign.login_domain ? String(sign.login_domain) : null,
      unknown_users: one_of(sign.unknown_users, ["accept", "reject"], "sign.unknown_users", problem),
      copies: one_of(sign.copies, [null, "split", "one"], "sign.copies", problem),
      eight_bit: one_of(sign.eight_bit, ["convert", "keep"], "sign.eight_bit", problem),
      staple: sign.staple,
      system_sender: sign.system_sender
        ? read_address(sign.system_sender, "sign.system_sender", problem)
        : null,
    },
    names: read_names(sign.login_domain, ini.logins ?? {}, problem),
    relays: read_relays(ini.relays ?? {}, problem),
    verify: {
      enabled: verify.enabled,
      other_hosts: list(verify.other_hosts),
      on_trouble: one_of(verify.on_trouble, ["defer", "accept"], "verify.on_trouble", problem),
      neighbours: verify.neighbours,
    },
    policy: read_policy(ini, timeout_s, problem),
    network: {
      resolvers: list(network.resolver).map(read_resolver),
      key_port: network.key_port,
      allow_private_addresses: network.allow_private_addresses,
      ca_file: network.ca_file ?? null,
    },
  };
  const { login_domain } = settings.sign;
  if (login_domain !== null && canonicalAddress(`x@${login_domain}`) === null) {
    problem(`sign.login_domain is no domain: ${login_domain}`);
  }
  return { settings, problems };
};

function unknown_names(ini) {
  return Object.entries(ini).flatMap(([section, values]) => {
    if (section.startsWith("trusted.")) return [];
    if (!Object.hasOwn(known, section)) return [`there is no section [${section}]`];
    const names = known[section];
    if (names === null) return [];
    return Object.keys(values)
      .filter((name) => !names.includes(name))
      .map((name) => `there is no setting "${name}" in [${section}]`);
  });
}

/** The first of the values is what counts without the setting. */
function one_of(value, values, name, problem) {
  if (value === undefined || values.includes(value)) return value ?? values[0];
  problem(`${name} must be ${values.filter((one) => one !== null).join(" or ")}, not ${value}`);
  return values[0];
}

function read_vault({ vault: written, certificate, key, ca_file = null, server_spki = null }, problem) {
  if (written === undefined) {
    problem("sign.vault is missing: unix:PATH or HOST:PORT");
    return null;
  }
  const vault = String(written);
  if (vault.startsWith("unix:")) return { kind: "unix", path: vault.slice("unix:".length) };
  const [, host, port] = /^(?:\[?([^[\]\s]+?)\]?):(\d{1,5})$/.exec(vault) ?? [];
  if (host === undefined) problem(`sign.vault must be unix:PATH or HOST:PORT, not ${vault}`);
  if (!certificate || !key)
    problem("sign.certificate and sign.key are missing: `vsmtp enroll add` makes them");
  const spki = server_spki === null ? null : String(server_spki).toLowerCase();
  if (spki !== null && !/^[0-9a-f]{64}$/.test(spki))
    problem("sign.server_spki must be 64 hexadecimal digits");
  return { kind: "tcp", host, port: Number(port), certificate, key, ca_file, server_spki: spki };
}

function read_address(text, setting, problem) {
  const parsed = parseAddress(String(text ?? ""));
  if (parsed.ok) return parsed.address;
  problem(`${setting} is no address: ${text}`);
  return null;
}

/** Which account is meant by what somebody logs in with: see `accountOf`. */
function read_names(login_domain, logins, problem) {
  const exceptions = new Map();
  for (const [name, text] of Object.entries(logins)) {
    if (read_address(text, `logins: ${name}`, problem) !== null) exceptions.set(name, String(text));
  }
  return { domain: login_domain ? String(login_domain).toLowerCase() : null, exceptions };
}

function read_relays(relays, problem) {
  return Object.entries(relays).flatMap(([network, text]) => {
    const address = read_address(text, `relays: ${network}`, problem);
    try {
      return [{ networks: new NetworkList([with_prefix(network)]), address }];
    } catch {
      problem(`relays: ${network} is neither an address nor a network`);
      return [];
    }
  });
}

function with_prefix(network) {
  if (network.includes("/")) return network;
  return network.includes(":") ? `${network}/128` : `${network}/32`;
}

/** The rest of Haraka's time is for what comes with verifying. */
const SPARE_S = 5;

function read_policy(ini, timeout_s, problem) {
  const { policy = {}, actions = {}, tag = {}, tag_fields = {} } = ini;
  const within = timeout_s > 0 ? `${Math.max(1, Math.floor(timeout_s) - SPARE_S)}s` : "60s";
  const trusted = Object.entries(ini)
    .filter(([section]) => section.startsWith("trusted."))
    .map(([section, values]) => {
      const lists = Object.entries(values).map(([name, value]) => [name, list(value)]);
      return { name: section.slice("trusted.".length), ...Object.fromEntries(lists) };
    });
  const texts = Object.entries(tag_fields).map(([name, value]) => [name, String(value)]);
  const result = readPolicy({
    deadline: within,
    ...policy,
    actions: { ...actions },
    trusted,
    tag: { ...tag, fields: Object.fromEntries(texts) },
    // Haraka keeps no memory of what it delivered.
    replays: "accept",
  });
  if (result.ok) {
    if (timeout_s > 0 && result.policy.deadlineMs >= timeout_s * 1000) {
      problem(
        `policy.deadline is not below the ${timeout_s} s of config/plugin_timeout or config/vsmtp.timeout`,
      );
    }
    return result.policy;
  }
  for (const text of result.problems) problem(text);
  return null;
}

function read_resolver(text) {
  const [, address, port] = /^(.+?)(?::(\d{1,5}))?$/.exec(String(text));
  return { address, port: port === undefined ? 53 : Number(port) };
}

function list(value) {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value.map(String);
  return String(value)
    .split(/[\s,]+/)
    .filter((one) => one !== "");
}

/**
 * Whose mail it is that a connection brings: of the user who logged in, or of a host that relays. Null: nobody's that the
 * settings know.
 *
 * @returns the account's address and how it is called in logs
 */
exports.account_of = ({ names, relays }, user, client) => {
  if (user) {
    const parsed = parseAddress(accountOf(names, user) ?? "");
    return parsed.ok ? { address: parsed.address, name: user } : null;
  }
  const relay = relays.find(({ networks }) => networks.has(client));
  return relay ? { address: relay.address, name: addressText(relay.address) } : null;
};
