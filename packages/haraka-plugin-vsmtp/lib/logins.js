const { addressText } = require("vsmtp");

/** Logins at the vault, by connection and account: one for all messages of a client. */
exports.Logins = class Logins {
  #vault;
  #by_connection = new WeakMap();

  constructor(vault) {
    this.#vault = vault;
  }

  /** As `Vault.assert`. */
  async of(connection, address) {
    const logins = this.#by_connection.get(connection) ?? new Map();
    const name = addressText(address);
    const known = logins.get(name);
    if (known !== undefined) return known;
    const login = await this.#vault.assert(address, connection.remote.ip);
    if (login === null || "kind" in login) return login;
    logins.set(name, login);
    this.#by_connection.set(connection, logins);
    return login;
  }

  /** It has ended by itself, as when the vault was started anew. */
  forget(connection, address) {
    this.#by_connection.get(connection)?.delete(addressText(address));
  }

  /** The client is gone. */
  end(connection) {
    for (const login of this.#by_connection.get(connection)?.values() ?? []) login.end();
    this.#by_connection.delete(connection);
  }
};
