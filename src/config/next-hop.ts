/** A server that mail goes to because the settings say so. */
export interface NextHop {
  readonly place:
    | { readonly kind: "tcp"; readonly host: string; readonly port: number }
    | { readonly kind: "unix"; readonly path: string };
  readonly protocol: "smtp" | "lmtp";
  /** `required` and `implicit` check the certificate; `opportunistic` takes what is offered. */
  readonly tls: "none" | "opportunistic" | "required" | "implicit";
  /** Null: this host does not log in. */
  readonly credentials: NextHopCredentials | null;
}

export interface NextHopCredentials {
  readonly user: string;
  /** It holds the password. */
  readonly passwordSource: SecretSource;
}

/** Where a secret is. */
export type SecretSource =
  | { readonly kind: "file"; readonly path: string }
  /** systemd's, by its name. */
  | { readonly kind: "credential"; readonly name: string }
  /** An environment variable. */
  | { readonly kind: "variable"; readonly name: string };
