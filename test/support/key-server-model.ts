import { formatStatement, parseKeyRequest } from "../../src/key-protocol/index.ts";
import type { DirectoryKey } from "../../src/key-server/index.ts";
import { type Address, encodeAddress } from "../../src/message/index.ts";

/** Unix seconds: what the clock of a modelled server says. */
export const MODEL_NOW = 1_073_304_000;
export const MODEL_KID = "FIH_rUKoiX6PoyILK0Uagg";
const KEY: DirectoryKey = {
  owner: "0123456789abcdef01234567",
  kid: MODEL_KID,
  algorithm: "ed25519-sha256",
  state: "active",
  spki: Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64"),
  notBefore: 1072915200,
  notAfter: 1104537600,
  grants: ["AAAAAAAAAAAAAAAAAAAAAA", "*"],
};

/** Who is there: `allice`; `slow`, whose keys take time to find; `broken`, whose keys cannot be read. */
export function modelKeys(address: Address): readonly DirectoryKey[] | "broken" {
  if (address.domain !== "someisp.tld") return [];
  if (address.localPart === "broken") return "broken";
  return address.localPart === "allice" || address.localPart === "slow" ? [KEY] : [];
}

/** The reply to a line whose verb is KEY, inside TLS and with the exposure `open` (KEY-28, KEY-30, KEY-33). */
export function modelKeyReply(line: string): string {
  const request = parseKeyRequest(line.slice(4));
  if (request === null) return "-ERR [SYNTAX] expected KEY address [kid]\r\n";
  const keys = modelKeys(request.address);
  if (keys === "broken") return "-ERR [TEMP] come back later\r\n";
  if (request.address.domain !== "someisp.tld") return "-ERR [NOTHERE] domain not served\r\n";
  const shown = keys.filter(({ kid }) => request.kid === null || request.kid === kid);
  if (shown.length === 0) return "-ERR [NOKEY] unknown\r\n";
  const about = {
    identity: encodeAddress(request.address),
    issuedAt: MODEL_NOW,
    ttlSeconds: 600,
    staleSeconds: 0,
  };
  const lines = shown.map((key) => formatStatement({ ...key, ...about }));
  return [`+OK ${lines.length}`, ...lines, ".", ""].join("\r\n");
}

const TOO_MUCH = "-ERR [RATE] too many requests, come back later\r\n";

/**
 * What SPEC section 5 says of a server's side, written as simply as can be: all that was heard on one side, all that
 * is to be said on the other.
 */
export class KeyServerModel {
  /** All replies so far. */
  said = "";
  /** `abort`: octets came behind STLS (KEY-11). */
  state: "open" | "start-tls" | "closed" | "abort" = "open";
  requests = 0;
  readonly #limited: boolean;
  #secure = false;
  #heard = "";

  /** @param limited the client is over its rate (KEY-37) */
  constructor(limited = false) {
    this.#limited = limited;
  }

  secured(): void {
    this.#secure = true;
    this.state = "open";
  }

  /** @param text what arrives together, one character for each octet */
  hear(text: string): void {
    this.#heard += text;
    while (this.state === "open") {
      const length = this.#heard.indexOf("\n") + 1;
      if (length === 0) break;
      const line = this.#heard.slice(0, length);
      this.#heard = this.#heard.slice(length);
      this.#request(line);
    }
    if (this.state === "open" && this.#heard.length >= 1024)
      this.#close("[SYNTAX] a request has at most 1024 octets");
    if (this.state === "start-tls" && this.#heard !== "") this.state = "abort";
  }

  #request(line: string): void {
    this.requests++;
    const text = line.slice(0, -2);
    const verb = text.split(" ", 1)[0]?.toUpperCase() ?? "";
    if (this.requests > 1000) this.#close("[LIMIT] too many requests in one session");
    else if (line.length > 1024) this.#close("[SYNTAX] a request has at most 1024 octets");
    else if (!line.endsWith("\r\n")) this.#close("[SYNTAX] lines end in CRLF");
    else if (verb === "KEY") this.said += this.#key(text);
    else if (!["CAPA", "STLS", "NOOP", "QUIT"].includes(verb)) {
      this.said += "-ERR [UNSUPP] expected CAPA, STLS, NOOP, QUIT or KEY\r\n";
    } else if (text.length > 4) this.said += `-ERR [SYNTAX] ${verb} takes no argument\r\n`;
    else if (verb === "CAPA") {
      this.said += `+OK\r\nVSMTP 1\r\n${this.#secure ? "PIPELINING" : "STLS"}\r\nEXPOSURE open\r\n.\r\n`;
    } else if (verb === "STLS" && this.#secure) this.said += "-ERR [UNSUPP] TLS is active already\r\n";
    else if (verb === "STLS" && this.#limited) this.said += TOO_MUCH;
    else if (verb === "STLS") {
      this.said += "+OK begin\r\n";
      this.state = "start-tls";
    } else {
      this.said += "+OK\r\n";
      if (verb === "QUIT") this.state = "closed";
    }
  }

  #key(line: string): string {
    if (!this.#secure) return "-ERR [TLSREQ] use STLS\r\n";
    return this.#limited ? TOO_MUCH : modelKeyReply(line);
  }

  #close(error: string): void {
    this.said += `-ERR ${error}\r\n`;
    this.state = "closed";
  }
}
