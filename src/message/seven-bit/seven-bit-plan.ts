/** Octets from `start` to before `end` that are replaced, or encoded. */
export type Edit =
  | { readonly start: number; readonly end: number; readonly replacement: Buffer }
  | {
      readonly start: number;
      readonly end: number;
      readonly encoding: BodyEncoding;
      /** Nothing follows, not even the CRLF of a delimiter, so that its last line needs one. */
      readonly isLast: boolean;
    };

export type BodyEncoding = "quoted-printable" | "base64";

export interface EightBitScan {
  /** Null when there is nothing to change. */
  readonly plan: SevenBitPlan | null;
  /** Parts that could be encoded have lines that some server on the way may break. */
  readonly hasLongLines: boolean;
  /** The body has octets over 127 that stay, with or without a plan: they must not be touched, or cannot be understood. */
  readonly staysEightBit: boolean;
}

/** What makes a message 7-bit. Edits do not overlap, and are in order. */
export interface SevenBitPlan {
  /** Offsets in the header. */
  readonly headerEdits: readonly Edit[];
  /** Offsets in the body. */
  readonly bodyEdits: readonly Edit[];
  /** Length of the body that they belong to. */
  readonly bodyOctets: number;
}
