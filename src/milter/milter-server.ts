import { type MilterServerOptions, type MilterSettings, resolveOptions } from "./options.ts";

/** TCP, or a Unix socket; `mode` says who may open that (default 0o660). */
export type MilterPlace =
  | { readonly host: string; readonly port: number }
  | { readonly path: string; readonly mode?: number };

/** A milter: mail servers connect to it, and its handler says what becomes of their mail. */
export class MilterServer {
  readonly #settings: MilterSettings;

  constructor(options: MilterServerOptions) {
    this.#settings = resolveOptions(options);
  }

  /** Connections open now. */
  get connections(): number {
    return 0;
  }

  /**
   * Listens; may be called for several places. Port 0 takes a free one.
   *
   * @returns where it listens. Rejects with the system's error when it cannot.
   */
  async listen(place: MilterPlace): Promise<MilterPlace> {
    throw new Error(
      `no milter listens at ${JSON.stringify(place)} yet, not even with ${this.#settings.limits.connections}`,
    );
  }

  /**
   * Stops listening, lets messages under way be finished and closes all other connections; drops after `drainMs`
   * milliseconds what is left.
   */
  async close(_drainMs = 10_000): Promise<void> {}
}
