"use strict";

// Mail that comes in: who sent it, and what is done with it.

const { readFileSync } = require("node:fs");
const constants = require("haraka-constants");
const vsmtp = require("vsmtp");
const { header_too_large, refuse } = require("./answer");
const { KeptMessage, edit_header, lines_of, set_header } = require("./kept-message");

/** The door to DNS and key servers. */
exports.open_world = ({ network }, file_of) => {
  const { resolvers, key_port, allow_private_addresses, ca_file } = network;
  const asked =
    resolvers.length > 0 ? new vsmtp.StubResolver({ servers: resolvers }) : vsmtp.systemResolver();
  const resolver = new vsmtp.CachingResolver(asked);
  const policies = new vsmtp.PolicyMemory({ resolver });
  const keys = new vsmtp.KeyLookup({
    resolver,
    policies,
    allowPrivateAddresses: allow_private_addresses,
    ...(key_port === undefined ? {} : { port: key_port }),
    ...(ca_file === null ? {} : { ca: [readFileSync(file_of(ca_file), "utf8")] }),
  });
  return { asked, policies, keys };
};

/** @param on_failure is told what went wrong with SPF, DKIM, DMARC and ARC */
exports.open_border = async ({ verify, policy }, { asked, policies, keys }, hostname, on_failure) => {
  const { deadlineMs } = policy;
  const neighbours = verify.neighbours
    ? await vsmtp.openNeighbourCheck({
        // With a cache of its own: what strangers' records lead to displaces nothing else.
        resolver: new vsmtp.CachingResolver(asked),
        hostname,
        deadlineMs,
        onFailure: on_failure,
      })
    : null;
  return new vsmtp.Border({
    hostname,
    otherHosts: verify.other_hosts,
    verification: new vsmtp.Verification({ keys, policies, neighbours, deadlineMs }),
    bounces: policy.forgedBounces === "reject" ? new vsmtp.BounceCheck({ keys, policies, deadlineMs }) : null,
    policy,
  });
};

/** Finds out who sent it, and decides what is done with it; the transaction is as it was. */
exports.judge_message = async (border, connection) => {
  const { transaction, remote, hello } = connection;
  const kept = new KeptMessage(transaction.message_stream);
  if (kept.header_too_large) return { fail: "its header is larger than 1 MiB", answer: header_too_large };
  const message = await vsmtp.receivedFrom(() => kept.read());
  const arrival = {
    client: { address: remote.ip, helo: hello.host ?? "" },
    reversePath: transaction.mail_from.format().slice(1, -1),
    recipients: transaction.rcpt_to.map((path) => {
      const parsed = vsmtp.parseAddress(path.format().slice(1, -1));
      return parsed.ok ? parsed.address : null;
    }),
  };
  const judged = await border.judge(message, arrival);
  const decision = border.decide(message.scanned, arrival, judged, vsmtp.forAllDomains, false);
  return { border, header: message.scanned.header, judged, decision };
};

/** Does what was decided: writes it down, and says what to give to next(). */
exports.act = (plugin, connection, found) => {
  const { transaction } = connection;
  const { border, judged, decision } = found;
  const { verdict } = judged;
  const { action, decidedBy, reply } = decision;
  record(border, connection, found);
  const { result, reason, identity, align, rcpt, trust } = verdict;
  transaction.notes.vsmtp = { result, reason, identity, align, rcpt, trust, action };
  const told = { result, reason, identity, align, rcpt, trust, action, decided_by: decidedBy };
  const list = { pass: "pass", fail: "fail", permerror: "fail", temperror: "err" }[result] ?? "skip";
  transaction.results.add(plugin, { ...told, [list]: reason ?? result, emit: true });
  if (reply !== null) return refuse(reply);
  if (action === "quarantine") quarantine(plugin, transaction);
  return [];
};

/** By a plugin of Haraka's that keeps it, and says it was queued; without it such mail is marked and delivered. */
function quarantine(plugin, { notes }) {
  if (plugin.haraka_require("plugins").registered_plugins["queue/quarantine"] === undefined) return;
  notes.quarantine = true;
  notes.quarantine_action = [constants.ok, "Message accepted"];
}

/**
 * Results go to Haraka, which puts those of all plugins into one field of its own (`auth_results`), in place of all others.
 */
function record(border, connection, { header, judged, decision }) {
  const { transaction } = connection;
  const ours = vsmtp.parseHeader(border.fields(judged, decision));
  const added = [];
  for (const field of ours.fields) {
    if (field.name === "authentication-results") {
      for (const result of results_in(ours, field)) connection.auth_results(result);
    } else added.push(...lines_of(ours.octets.subarray(field.start, field.end)));
  }
  edit_header(transaction, header, border.edits(header, decision));
  if (added.length > 0) set_header(transaction, [...added, ...transaction.header.header_list]);
}

/** `vsmtp=pass header.i=…` without the host's name, one for each method. */
function results_in(header, field) {
  const text = Buffer.from(header.octets).toString("utf8", field.valueStart, field.end);
  const [, ...results] = text.trim().split(/;\r\n\s+/);
  return results.map((result) => result.replaceAll(/\r\n\s+/g, " "));
}
