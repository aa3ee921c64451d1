import { exchangeHttps, type HttpsOptions } from "../transport-security/index.ts";
import { REPORT_TYPE } from "./aggregate-mail.ts";

const TIMEOUT_MS = 60_000;
/** Nobody reads what they say. */
const MAX_ANSWER_OCTETS = 64 << 10;

/** Posts a report to an https URL (REP-1). Null: it was taken. Else why not, for people. Never rejects. */
export async function postReport(
  url: URL,
  packed: Uint8Array,
  options: HttpsOptions & { readonly timeoutMs?: number },
  ended?: AbortSignal,
): Promise<string | null> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = ended === undefined ? timeout : AbortSignal.any([timeout, ended]);
  const request = {
    method: "POST",
    host: url.hostname,
    path: `${url.pathname}${url.search}`,
    headers: { "content-type": REPORT_TYPE, accept: "*/*" },
    body: packed,
    refuses: (status: number) => (status >= 200 && status < 300 ? null : `answered ${status}`),
    maxOctets: MAX_ANSWER_OCTETS,
  } as const;
  try {
    await exchangeHttps(request, options, signal);
    return null;
  } catch (error) {
    return signal.aborted ? "out of time" : error instanceof Error ? error.message : String(error);
  }
}
