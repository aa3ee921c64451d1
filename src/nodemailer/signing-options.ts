import type { Address } from "../message/index.ts";
import type { Denied, Login, Unavailable } from "../signing/index.ts";

/** As `Vault.assert` answers. Null: the address is nobody's. */
export type LogIn = (address: Address) => Promise<Login | null | Denied | Unavailable>;

export interface SigningOptions {
  /**
   * Who writes. One login for all messages: `KeyLogin` for an address whose keys this program holds. Or one for each, asked
   * for by the address that is to sign, Sender's or else From's, and ended after the message: `(address) =>
   * vault.assert(address, { client, channelBinding: null })`. What nobody's address is to sign is refused.
   */
  readonly login: Login | LogIn;
  /** `auto` for what no person wrote; `exact`: other recipients than those signed for are to refuse it (SIG-19). */
  readonly flags?: readonly ("exact" | "auto")[];
  /** What the vault says of the key goes with the message (STP-1), so that receivers need not ask for it. Default false. */
  readonly staple?: boolean;
  /**
   * Bodies of more than 256 KiB wait here until they are signed and sent: a message has to be read to its end before its
   * first octet can go. Made where it is missing (mode 0700). Without it they wait in memory.
   */
  readonly folder?: string;
  /** Octets of all messages that are being signed at a time; further ones are refused with 452. Default 256 MiB. */
  readonly memoryOctets?: number;
  readonly clock?: { now(): number };
}
