import { resolve } from "node:path";
import type { Role } from "./config.ts";
import type { Listener, SmtpListener, TlsFiles, TrustedNetworks } from "./listener.ts";
import { formatPath, type Report } from "./problems.ts";
import type { Settings } from "./schema.ts";
import type { SettingPath } from "./toml-lines.ts";

type WrittenTlsFiles = Settings["tls"];
type WrittenListener =
  | Settings["submission"]["listen"][number]
  | Settings["mx"]["listen"][number]
  | Settings["proxy"][number]["listen"][number];

/** Completes the listeners of all roles; reports two at one place and those that lack a certificate. */
export class ListenerBuilder {
  readonly #roles: readonly Role[];
  readonly #folder: string;
  readonly #report: Report;
  readonly #commonFiles: TlsFiles | null;
  readonly #taken = new Map<string, SettingPath>();

  constructor(settings: Settings, folder: string, report: Report) {
    this.#roles = settings.roles;
    this.#folder = folder;
    this.#report = report;
    this.#commonFiles = this.#tlsFiles(settings.tls, ["tls"]);
  }

  buildSmtp(role: Role, written: WrittenListener, path: SettingPath): SmtpListener {
    const tls = written.tls ?? (written.address.port === 465 ? "implicit" : "starttls");
    return {
      ...this.build(role, written, path, tls !== "none"),
      tls: tls === "none" ? "plain" : tls,
      trusted: this.#trusted(written, path),
    };
  }

  #trusted(written: WrittenListener & { readonly mail_auth?: string[] }, path: SettingPath): TrustedNetworks {
    for (const name of ["xclient", "xforward", "mail_auth"] as const) {
      for (const [index, network] of (written[name] ?? []).entries()) {
        if (!network.endsWith("/0")) continue;
        const setting = [...path, name, index];
        this.#report(setting, `${formatPath(setting)} is everybody: anyone could pass for anybody`);
      }
    }
    const { proxy_protocol: proxyProtocol, xclient, xforward, mail_auth: mailAuth = [] } = written;
    return { proxyProtocol, xclient, xforward, mailAuth };
  }

  build(
    role: Role,
    written: Pick<WrittenListener, "address" | "certificate" | "key">,
    path: SettingPath,
    needsTls = true,
  ): Listener {
    const { address, port } = written.address;
    const tlsFiles = this.#tlsFiles(written, path) ?? this.#commonFiles;
    if (this.#roles.includes(role)) {
      if (port !== 0) this.#claim(`${address ?? "*"} port ${port}`, path);
      if (needsTls && !tlsFiles) {
        this.#report(path, `${formatPath(path)} needs a certificate; set certificate and key in [tls]`);
      }
    }
    return { address, port, tlsFiles: needsTls ? tlsFiles : null };
  }

  #claim(place: string, path: SettingPath): void {
    const taken = this.#taken.get(place);
    if (taken)
      this.#report(path, `${formatPath(path)} is ${place}, where ${formatPath(taken)} listens already`);
    else this.#taken.set(place, path);
  }

  #tlsFiles(written: WrittenTlsFiles, path: SettingPath): TlsFiles | null {
    const { certificate, key } = written;
    if (certificate !== undefined && key !== undefined) {
      return { certificate: resolve(this.#folder, certificate), key: resolve(this.#folder, key) };
    }
    if (certificate !== undefined || key !== undefined) {
      const [given, missing] = key === undefined ? ["certificate", "key"] : ["key", "certificate"];
      this.#report(
        [...path, given as string],
        `${formatPath([...path, missing as string])} is missing beside this`,
      );
    }
    return null;
  }
}
