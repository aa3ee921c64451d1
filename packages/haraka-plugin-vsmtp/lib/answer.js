"use strict";

// What a hook gives to next(): Haraka's constants, and a reply with the code that is meant.

const constants = require("haraka-constants");
const DSN = require("haraka-dsn");

/** A reply of VSMTP's: code, enhanced code "4.4.3", text. */
exports.refuse = ({ code, enhanced, text }) => {
  const [, subject, detail] = (enhanced ?? "").split(".");
  const said = Array.isArray(text) ? text.join(" ") : text;
  const dsn = DSN.create(code, said, Number(subject) || 0, Number(detail) || 0);
  if (code === 421) return [constants.denysoftdisconnect, dsn];
  return [code >= 500 ? constants.deny : constants.denysoft, dsn];
};

/** SUB-6 */
exports.not_signed_now = exports.refuse({
  code: 451,
  enhanced: "4.4.3",
  text: "The message cannot be signed now, so it is not sent; try again later",
});

exports.log_in_again = exports.refuse({
  code: 421,
  enhanced: "4.7.0",
  text: "Your login has ended; connect and log in again",
});

exports.not_read_now = exports.refuse({
  code: 451,
  enhanced: "4.3.0",
  text: "The message cannot be checked now; try again later",
});

exports.header_too_large = exports.refuse({
  code: 552,
  enhanced: "5.3.4",
  text: "The header of this message is larger than 1 MiB",
});

/** A promise's value; `late` where it takes longer than Haraka would wait: it would say no more than "plugin timeout". */
exports.in_time = async (promise, timeout_s, late) => {
  if (!(timeout_s > 0)) return promise;
  const given = Promise.withResolvers();
  const timer = setTimeout(given.resolve, Math.max(0.5, timeout_s - 1) * 1000, late);
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    clearTimeout(timer);
  }
};
