"use strict";

// Where these tests get packages from that are not installed beside them: in a checkout of VSMTP the library is its sources,
// and Haraka's packages are those of the Haraka that `.ci/unpack-peers` got.

const { existsSync } = require("node:fs");
const { createRequire, registerHooks } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const checkout = path.resolve(__dirname, "../../..");
const library = path.join(checkout, "src/index.ts");
const peers = process.env.VSMTP_PEERS ?? path.join(checkout, ".peers");
const haraka = path.join(peers, "haraka/node_modules");
const fromHaraka = createRequire(path.join(haraka, "x.js"));

function find(name) {
  try {
    return require.resolve(name);
  } catch {}
  if (name === "vsmtp") return existsSync(library) ? library : null;
  try {
    return fromHaraka.resolve(name);
  } catch {
    return null;
  }
}

const wanted = [
  "vsmtp",
  "haraka-config",
  "haraka-constants",
  "haraka-dsn",
  "haraka-email-message",
  "haraka-notes",
];
const found = new Map(wanted.map((name) => [name, find(name)]));

registerHooks({
  resolve(specifier, context, next) {
    const file = found.get(specifier);
    return file ? { url: pathToFileURL(file).href, shortCircuit: true } : next(specifier, context);
  },
});

/** Why tests cannot run here; false when they can. */
exports.missing = found.values().every((file) => file !== null)
  ? false
  : "peer: Haraka is not there (.ci/unpack-peers gets it)";
exports.haraka = haraka;
