// The least that an installation says of itself, and settings that are accepted.
import assert from "node:assert/strict";
import { type Config, formatProblem, loadConfig } from "./index.ts";

export const least = `roles = ["submission", "mx", "key-server", "delivery"]
hostname = "MX1.Bücher.example"
[tls]
certificate = "tls/chain.pem"
key = "tls/key.pem"
[[domains]]
name = "dest.test"
maildir_root = "mail"
`;

/** Whom a listener trusts to say whose mail comes, by default. */
export const nobody = { proxyProtocol: [], xclient: [], xforward: [], mailAuth: [] };

export function accepted(text: string): Config {
  const result = loadConfig(text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(
    result.ok,
    result.ok ? "" : result.problems.map((problem) => formatProblem("f", problem)).join("\n"),
  );
  return result.config;
}
