/** The beginning of SCRAM's and OAUTHBEARER's first message (RFC 5801 §4). */
export interface Gs2Header {
  /** `n`: it has no channel binding. `y`: it has, and believes that we have not. `p`: it uses one, of this type. */
  readonly binding: { readonly flag: "n" | "y" } | { readonly flag: "p"; readonly type: string };
  readonly authzid: string;
  /** As it stood, to be bound. */
  readonly text: string;
  /** What follows it. */
  readonly rest: string;
}

/** `saslname`: "," and "=" are written =2C and =3D. */
export const SASL_NAME = "(?:[^\\0,=]|=2C|=3D)+";

const HEADER = new RegExp(`^(?:(?<flag>[ny])|p=(?<type>[A-Za-z0-9.-]+)),(?:a=(?<authzid>${SASL_NAME}))?,`);

/** Null when it is none: a client that insists on a real GSS-API token (`F`) is not for us either. */
export function parseGs2Header(message: string): Gs2Header | null {
  const found = HEADER.exec(message);
  if (found === null) return null;
  const { flag, type = "", authzid = "" } = found.groups ?? {};
  return {
    binding: flag === "n" || flag === "y" ? { flag } : { flag: "p", type },
    authzid: decodeSaslName(authzid),
    text: found[0],
    rest: message.slice(found[0].length),
  };
}

export function decodeSaslName(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
