"use strict";

// Outgoing mail: whose it is, and signed copies of it.

const { receivedFrom, signSubmission } = require("vsmtp");
const { header_too_large, log_in_again, not_signed_now, refuse } = require("./answer");
const { BodyWriter } = require("./body-writer");
const { KeptMessage, lines_of } = require("./kept-message");
const { account_of } = require("./settings");

const END_OF_HEADER = Buffer.from("\r\n\r\n");

/** What is to be sent, as Haraka has it: of the header, a string for each field. */
class Signed {
  /** @param stream the body, where it was converted; null: that of the transaction stays */
  constructor(result, recipients_of, stream) {
    this.identity = result.identity;
    this.kids = result.kids;
    this.stream = stream;
    const { inline } = result.content;
    this.lines = lines_of(inline.subarray(-4).equals(END_OF_HEADER) ? inline.subarray(0, -2) : inline);
    this.copies = result.copies.map(({ recipients, signatures }) => ({
      recipients: recipients.map((text) => recipients_of.get(text)),
      lines: lines_of(signatures),
    }));
  }
}

/**
 * Signs what a connection's transaction holds, and changes nothing of it.
 *
 * @returns `signed`; or `answer`, what to give to next(), with why for results and log
 */
exports.sign_message = async (plugin, connection) => {
  const own = plugin.logins.own(connection);
  if (own === null) return sign_asserted(plugin, connection);
  const outcome = await sign_as(plugin, connection.transaction, own);
  return outcome.ended === true ? { ...outcome, answer: log_in_again } : outcome;
};

async function sign_asserted(plugin, connection) {
  const { cfg, logins } = plugin;
  const user = connection.notes.auth_user;
  const account = account_of(cfg, user, connection.remote.ip);
  if (account === null && !user) return { skip: "nobody logged in", answer: [] };
  const login = account === null ? null : await logins.of(connection, account.address);
  if (login === null) return unknown(cfg, account?.name ?? user);
  if ("kind" in login) return { err: login.cause, answer: not_signed_now };
  const { transaction } = connection;
  const outcome = await sign_as(plugin, transaction, login);
  if (outcome.ended !== true) return outcome;
  // The vault was started anew, or had not heard of this login for long.
  logins.forget(connection, account.address);
  const again = await logins.of(connection, account.address);
  if (again === null) return unknown(cfg, account.name);
  return "kind" in again ? { err: again.cause, answer: not_signed_now } : sign_as(plugin, transaction, again);
}

function unknown({ sign }, name) {
  if (sign.unknown_users === "accept") return { skip: `the vault knows no account of ${name}`, answer: [] };
  const text = `${name} has no account that could sign this message`;
  return { fail: text, answer: refuse({ code: 550, enhanced: "5.7.1", text }) };
}

/** Signs what Haraka itself has written, such as a bounce: no person has (SIG-19). */
exports.sign_system_mail = async (plugin, transaction) => {
  const login = await plugin.vault.assert(plugin.cfg.sign.system_sender, "");
  if (login === null) return { err: "the vault knows no account of sign.system_sender" };
  if ("kind" in login) return { err: login.cause };
  try {
    return await sign_as(plugin, transaction, login, { copies: "one", flags: ["auto"] });
  } finally {
    login.end();
  }
};

/** @param over what differs from mail of users */
async function sign_as(plugin, transaction, login, over = {}) {
  let writer = null;
  const kept = new KeptMessage(transaction.message_stream);
  if (kept.header_too_large) return { fail: "its header is larger than 1 MiB", answer: header_too_large };
  const recipients_of = new Map(transaction.rcpt_to.map((path) => [path.format().slice(1, -1), path]));
  try {
    const message = await receivedFrom(() => kept.read());
    const receive = () => {
      writer = new BodyWriter(transaction);
      return writer;
    };
    const result = await signSubmission(
      {
        message,
        recipients: [...recipients_of.keys()],
        smtputf8: plugin.smtputf8.has(transaction),
        authservIds: [plugin.get_host_name(), ...plugin.cfg.verify.other_hosts],
        staple: plugin.cfg.sign.staple,
        keys: plugin.keys,
        convertInto: plugin.cfg.sign.eight_bit === "convert" ? { receive } : null,
        copies: copies_for(plugin, transaction),
        now: Date.now(),
        ...over,
      },
      login,
    );
    if (result.kind === "signed")
      return { signed: new Signed(result, recipients_of, writer?.stream ?? null) };
    writer?.stream.destroy();
    const { reply, cause } = result;
    if (reply.code === 421) return { ended: true, fail: "the login has ended", answer: not_signed_now };
    const why = cause ?? [reply.text].flat().join(" ");
    return { [reply.code < 500 ? "err" : "fail"]: why, answer: refuse(reply) };
  } catch (error) {
    writer?.stream.destroy();
    return { err: error, answer: not_signed_now };
  }
}

/** Plugins with the hook that queues outgoing mail, and that leave what nobody asked them for to the next. */
const QUEUE_NOTHING = ["vsmtp", "dkim", "queue/discard", "queue/quarantine"];

/** Copies of its own a recipient can get where Haraka queues them; other plugins take one message. */
function copies_for(plugin, { notes }) {
  const wanted = notes.get("queue.wants");
  if (notes.quarantine || notes.discard || (wanted && wanted !== "outbound")) return "one";
  if (plugin.cfg.sign.copies !== null) return plugin.cfg.sign.copies;
  const { queue_outbound = [] } = plugin.haraka_require("plugins").registered_hooks;
  return queue_outbound.every(({ plugin: name }) => QUEUE_NOTHING.includes(name)) ? "split" : "one";
}
