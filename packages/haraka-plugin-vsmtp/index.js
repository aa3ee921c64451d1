"use strict";

// VSMTP in Haraka: outgoing mail is signed with its author's own key, and of mail that comes in is said who sent it.
// See README.

const os = require("node:os");
const path = require("node:path");
const constants = require("haraka-constants");
const answer = require("./lib/answer");
const { take_logins } = require("./lib/auth");
const { copy_of, queue_copies } = require("./lib/copies");
const { set_header } = require("./lib/kept-message");
const settings = require("./lib/settings");
const { Logins } = require("./lib/logins");
const { sign_message, sign_system_mail } = require("./lib/sign");
const { Vault } = require("./lib/vault");
const { act, judge_message, open_border, open_world } = require("./lib/verify");

exports.register = function () {
  this.load_vsmtp_ini();
  /** Transactions that came by SMTP; whatever else Haraka sends it has written itself. */
  this.came = new WeakSet();
  /** Those whose client has asked for SMTPUTF8. */
  this.smtputf8 = new WeakSet();
  /** Signatures and recipients of a transaction's copies, where there are several, until they are queued. */
  this.copies = new WeakMap();
  const file_of = (name) => path.resolve(process.env.HARAKA ?? "", "config", name);
  const world = open_world(this.cfg, file_of);
  this.keys = world.keys;
  if (this.cfg.sign.enabled) {
    this.vault = new Vault(this.cfg.sign, file_of, this);
    this.logins = new Logins(this.vault);
    this.register_hook("connect", "begin", -100);
    this.register_hook("mail", "note_parameters");
    // After all who may change the message or refuse it; here, not at queue_outbound, a hook can say 451.
    this.register_hook("data_post", "sign", 90);
    // Before DKIM, which signs each copy then, and before whoever queues.
    this.register_hook("queue_outbound", "queue_signed", -50);
    this.register_hook("disconnect", "end_logins");
    if (this.cfg.sign.system_sender) this.register_hook("pre_send_trans_email", "sign_system_mail", -50);
    if (this.cfg.sign.auth) take_logins(this);
  }
  if (this.cfg.verify.enabled) {
    const failed = (error) => this.logerror(`SPF, DKIM, DMARC or ARC: ${error.message}`);
    this.border = open_border(this.cfg, world, this.get_host_name(), failed);
    // Then each message hears of it; here nobody waits.
    this.border.catch(failed);
    this.register_hook("capabilities", "announce");
    this.register_hook("data_post", "verify");
    this.register_hook("queue", "discard", -50);
  }
};

exports.load_vsmtp_ini = function () {
  const ini = this.config.get("vsmtp.ini", { booleans: settings.booleans });
  const { settings: cfg, problems } = settings.read(ini, this.timeout);
  for (const problem of problems) this.logcrit(`vsmtp.ini: ${problem}`);
  // Else mail might go out unsigned, or come in unverified, until somebody reads the log.
  if (problems.length > 0) throw new Error(`vsmtp.ini: ${problems.join("; ")}`);
  this.cfg = cfg;
};

/** As Haraka's, which names its Authentication-Results. */
exports.get_host_name = function () {
  return this.config.get("me") || os.hostname();
};

exports.shutdown = function () {
  this.keys?.close();
  this.vault?.close();
};

/** Another client on the same connection, as by XCLIENT, is not the user who logged in before. */
exports.begin = function (next, connection) {
  this.logins.end(connection);
  connection.notes.auth_user = undefined;
  next();
};

exports.note_parameters = function (next, connection, [, parameters]) {
  this.came.add(connection.transaction);
  if (parameters && "SMTPUTF8" in parameters) this.smtputf8.add(connection.transaction);
  next();
};

exports.sign = function (next, connection) {
  if (!connection.transaction || !connection.relaying) return next();
  const late = { err: "signing took too long", answer: answer.not_signed_now };
  this.finish(next, connection, sign_message(this, connection), late, ({ signed }) => {
    const { transaction } = connection;
    take_body(transaction, signed);
    const { identity, kids, copies, lines } = signed;
    if (copies.length === 1) {
      set_header(transaction, [...copies[0].lines, ...lines]);
      transaction.rcpt_to = copies[0].recipients;
    } else {
      set_header(transaction, lines);
      this.copies.set(transaction, copies);
    }
    transaction.results.add(this, { pass: identity, kid: kids.join(","), copies: copies.length, emit: true });
    return [];
  });
};

/** One copy goes the way of all mail; several are queued here. */
exports.queue_signed = function (next, connection) {
  const { transaction } = connection;
  const signed = this.copies.get(transaction);
  if (signed === undefined) return next();
  const below = [...transaction.header.header_list];
  const copies = signed.map(({ recipients, lines }, index) =>
    copy_of(this, transaction, index + 1, { recipients, lines: [...lines, ...below] }),
  );
  for (const copy of copies) this.came.add(copy);
  queue_copies(this, copies).then(
    (given) => next(...given),
    (error) => {
      transaction.results.add(this, { err: error });
      next(constants.denysoft, "The message cannot be queued now");
    },
  );
};

/** It is sent all the same where it cannot be signed: this hook has no say in that. */
exports.sign_system_mail = function (next, { transaction }) {
  if (this.came.has(transaction)) return next();
  const failed = (error) => ({ err: error });
  answer
    .in_time(sign_system_mail(this, transaction).catch(failed), this.timeout, {
      err: "signing took too long",
    })
    .then(({ signed, err, fail }) => {
      if (signed) {
        take_body(transaction, signed);
        set_header(transaction, [...signed.copies[0].lines, ...signed.lines]);
        transaction.results.add(this, { pass: signed.identity, emit: true });
      } else transaction.results.add(this, { err: err ?? fail });
      next();
    });
};

/** A body that was converted takes the other one's place. */
function take_body(transaction, { stream }) {
  if (stream === null) return;
  transaction.message_stream.destroy();
  transaction.message_stream = stream;
}

exports.end_logins = function (next, connection) {
  this.logins.end(connection);
  next();
};

/** ACT-7 */
exports.announce = function (next, connection) {
  const { announce, stage } = this.cfg.policy;
  if (announce) connection.capabilities.push(`VSMTP ${stage}`);
  next();
};

exports.verify = function (next, connection) {
  if (!connection.transaction || connection.relaying) return next();
  const unread = this.cfg.verify.on_trouble === "accept" ? [] : answer.not_read_now;
  const late = { err: "verifying took too long", answer: unread };
  const judging = this.border.then((border) => judge_message(border, connection));
  this.finish(next, connection, judging, late, (found) => act(this, connection, found));
};

exports.discard = (next, connection) => {
  if (connection.transaction?.notes.vsmtp?.action !== "discard") return next();
  next(constants.ok, "Message accepted");
};

/**
 * Waits for what was begun, no longer than Haraka waits for a hook, and goes on with it where the client still has the same
 * transaction; otherwise nothing of it happens.
 *
 * @param late what counts where it takes too long, or fails: with `answer`, what is given to next()
 * @param go_on takes an outcome that has no answer of its own, and gives it
 */
exports.finish = async function (next, connection, begun, late, go_on) {
  const { transaction } = connection;
  const safely = begun.catch((error) => ({ ...late, err: error }));
  const outcome = await answer.in_time(safely, this.timeout, late);
  const abandon = ({ signed }) => signed?.stream?.destroy();
  if (outcome === late) safely.then(abandon);
  if (connection.transaction !== transaction) return abandon(outcome);
  if (outcome.answer === undefined) return next(...go_on(outcome));
  const { err, fail, skip } = outcome;
  transaction.results.add(this, { err, fail, skip, emit: err === undefined });
  next(...outcome.answer);
};
