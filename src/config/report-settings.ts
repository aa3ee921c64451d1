/** Reports between mail systems (REP-1 to REP-4). */
export interface ReportSettings {
  /** Domains that ask for reports get them. */
  readonly send: boolean;
  /** In whose name reports and complaints go out: its mailer-daemon signs them. Null: nobody's, there is no domain here. */
  readonly domain: string | null;
  /** Addresses that take reports about our domains: canonical. */
  readonly receive: ReadonlySet<string>;
  /** Where they are kept. */
  readonly folder: string;
  readonly keepMs: number;
}
