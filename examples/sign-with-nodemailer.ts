import { readFileSync } from "node:fs";
import { createTransport } from "nodemailer";
import { KeyLogin, loadSigningKey, parseAddress } from "vsmtp";
import { SigningTransport } from "vsmtp/nodemailer";

/** Signs as one address, whose private key is in a file, and hands over to a server: `smtps://user:password@isp.example`. */
export function signingTransporter(address: string, keyFile: string, server: string) {
  const author = parseAddress(address);
  const loaded = loadSigningKey(readFileSync(keyFile));
  if (!author.ok) throw new Error(`${address}: ${author.detail}`);
  if (!loaded.ok) throw new Error(`${keyFile}: ${loaded.detail}`);
  const next = createTransport({ url: server, pool: true });
  const login = new KeyLogin(author.address, [loaded.key]);
  return createTransport(new SigningTransport(next, { login, flags: ["auto"] }));
}
