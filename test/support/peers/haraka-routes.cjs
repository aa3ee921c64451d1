// A plugin for Haraka: takes mail for the domains in config/routes.json and sends it to their ports on loopback.
exports.register = function () {
  Object.assign(this, this.config.get("routes.json"));
};

exports.hook_rcpt = function (next, connection, [recipient]) {
  if (this.nextHops[recipient.host] === undefined) return next(DENY, "relaying denied");
  connection.relaying = true; // else it looks for a plugin that delivers here
  next(OK);
};

exports.hook_get_mx = function (next, _mail, domain) {
  const hop = { priority: 0, exchange: "127.0.0.1", port: this.nextHops[domain] };
  const login = this.login && {
    auth_type: "PLAIN",
    auth_user: this.login.user,
    auth_pass: this.login.password,
  };
  next(OK, { ...hop, ...login });
};
