/** What a mail of this system to another one is written with. */
export interface MailOptions {
  /** Address in From: the account that signs. */
  readonly from: string;
  readonly to: string;
  /** This host's name: it says what it saw, and stands in Message-ID. */
  readonly hostname: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Unique: for Message-ID and boundaries. */
  readonly id: string;
}
