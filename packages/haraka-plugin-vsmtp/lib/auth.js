"use strict";

// Users of Haraka who log in at the vault, with their account's password or an app password.

const OUTCOMES = {
  rejected: undefined,
  malformed: { code: 501, message: "5.5.2 Malformed credentials" },
  suspended: { code: 550, message: "5.7.1 This account is suspended; ask your provider" },
  busy: { code: 454, message: "4.7.0 Too many logins at once; try again later" },
  unavailable: { code: 454, message: "4.7.0 Nobody can log in now; try again later" },
};

/** Makes a plugin one that users log in with: Haraka's own base of such plugins, which calls what is set here. */
exports.take_logins = (plugin) => {
  plugin.hook_capabilities = offer_auth;
  plugin.check_plain_passwd = check_password;
  // Else Haraka notes the password for as long as the client stays.
  plugin.blankout_password = true;
  plugin.inherits("auth/auth_base");
};

function offer_auth(next, connection) {
  if (!connection.tls.enabled) return next();
  const methods = ["PLAIN", "LOGIN"];
  connection.capabilities.push(`AUTH ${methods.join(" ")}`);
  connection.notes.allowed_auth_methods = methods;
  next();
}

function check_password(connection, user, password, done) {
  const { login_domain } = this.cfg.sign;
  const name = user.includes("@") || login_domain === null ? user : `${user}@${login_domain}`;
  this.vault.log_in(name, password, connection.remote.ip).then(
    (step) => {
      if (step.kind !== "accepted") return done(false, OUTCOMES[step.kind]);
      this.logins.keep(connection, step.login);
      done(true);
    },
    (error) => {
      connection.logerror(this, error.message);
      done(false, OUTCOMES.unavailable);
    },
  );
}
