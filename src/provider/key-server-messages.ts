import type { Config } from "../config/index.ts";
import type { Place } from "./role.ts";

// What a process of the key server and its parent tell each other.

export interface StartKeyServer {
  readonly kind: "start";
  readonly config: Config;
  readonly decoys: Uint8Array | null;
  readonly tickets: Uint8Array;
}

export type ToKeyServer =
  | StartKeyServer
  | {
      readonly kind: "statement-key";
      readonly question: number;
      /** Null: the domain has none. Absent: there was a problem. */
      readonly pkcs8?: Uint8Array | null;
      readonly problem?: string;
    };

export type FromKeyServer =
  | { readonly kind: "started"; readonly places: readonly Place[] }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** Of a system error. */
      readonly details: {
        readonly code: string | undefined;
        readonly path: string | undefined;
        readonly address: string | undefined;
        readonly port: number | undefined;
      };
    }
  | { readonly kind: "statement-key"; readonly question: number; readonly domain: string };
