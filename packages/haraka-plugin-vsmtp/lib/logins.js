"use strict";

const { addressText } = require("vsmtp");

/** Logins at the vault, by connection and account: one for all messages of a client. */
exports.Logins = class Logins {
  #vault;
  #by_connection = new WeakMap();
  /** Of those who have logged in at the vault themselves. */
  #own = new WeakMap();

  constructor(vault) {
    this.#vault = vault;
  }

  /** Keeps the login of a client who has shown his password to the vault; a later one takes its place. */
  keep(connection, login) {
    this.#own.get(connection)?.end();
    this.#own.set(connection, login);
  }

  /** Null: Haraka says who it is, if anybody does. */
  own(connection) {
    return this.#own.get(connection) ?? null;
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
    this.#own.get(connection)?.end();
    this.#own.delete(connection);
  }
};
