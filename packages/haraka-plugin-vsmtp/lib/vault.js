"use strict";

// The way to the vault, where accounts and private keys are.

const { readFileSync } = require("node:fs");
const { createSecureContext } = require("node:tls");
const { openVault, RemoteVault, VaultClient } = require("vsmtp");

/**
 * @param sign settings of [sign]
 * @param file_of where a file of the settings is
 * @param log notes when the vault is away, and when it is back
 */
exports.Vault = class Vault {
  #vault;

  constructor({ vault: place, mode }, file_of, log) {
    const where = place.kind === "unix" ? place : tls_place(place, file_of);
    let reachable = true;
    const open = async () => {
      try {
        const opened = await openVault(where);
        if (!reachable) log.lognotice("the vault answers again");
        reachable = true;
        return opened;
      } catch (error) {
        if (reachable) log.logerror(`the vault does not answer: ${error.message}`);
        reachable = false;
        throw error;
      }
    };
    this.#vault = new RemoteVault({ client: new VaultClient({ open }), mode });
  }

  /**
   * A login for whom Haraka, and not the vault, knows to be there (PRV-9).
   *
   * @returns the login; null: the vault knows no such account, or none that is this server's; or `unavailable`
   */
  async assert(address, client) {
    const login = await this.#vault.assert(address, { client, channelBinding: null });
    if (login?.kind !== "denied") return login;
    // Nobody's login would be asserted: a mistake, that must not send everybody's mail unsigned (SUB-6).
    return { kind: "unavailable", cause: new Error("this server is enrolled without --assert") };
  }

  /** As whom somebody logs in with a password: a step of SASL, `accepted` with a login among others. */
  async log_in(user, password, client) {
    const exchange = this.#vault.logIn("PLAIN", { client, channelBinding: null });
    if (exchange === null) return { kind: "unavailable", cause: new Error("the vault takes no passwords") };
    return exchange.respond(Buffer.from(`\0${user}\0${password}`));
  }

  close() {
    return this.#vault.close();
  }
};

function tls_place({ host, port, certificate, key, ca_file, server_spki }, file_of) {
  return {
    kind: "tcp",
    host,
    port,
    spkiSha256: server_spki,
    // Read for each connection, of which there are few: so renewed files count at once.
    secureContext: () =>
      createSecureContext({
        cert: readFileSync(file_of(certificate)),
        key: readFileSync(file_of(key)),
        minVersion: "TLSv1.3",
        ...(ca_file === null ? {} : { ca: readFileSync(file_of(ca_file)) }),
      }),
  };
}
