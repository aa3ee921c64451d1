import { exchangeHttps, type HttpsOptions } from "./https-exchange.ts";
import { type MtaStsPolicy, parseMtaStsPolicy } from "./mta-sts-policy.ts";

export interface MtaStsFetchOptions extends HttpsOptions {
  /** For all of it. Default 30 s: mail waits meanwhile. */
  readonly timeoutMs?: number;
}

export type MtaStsFetch =
  | { readonly kind: "policy"; readonly policy: MtaStsPolicy }
  | { readonly kind: "failure"; readonly detail: string };

/** RFC 8461 §3.3. */
const maxOctets = 64 << 10;

/** Fetches policies over HTTPS (RFC 8461 §3.3): the certificate is checked, redirects are not followed. Never rejects. */
export function mtaStsFetcher(options: MtaStsFetchOptions): (domain: string) => Promise<MtaStsFetch> {
  return async (domain) => {
    const signal = AbortSignal.timeout(options.timeoutMs ?? 30_000);
    try {
      const parsed = parseMtaStsPolicy(await download(`mta-sts.${domain}`, options, signal));
      return parsed.ok
        ? { kind: "policy", policy: parsed.policy }
        : { kind: "failure", detail: parsed.problem };
    } catch (error) {
      const detail = signal.aborted ? "out of time" : error instanceof Error ? error.message : String(error);
      return { kind: "failure", detail };
    }
  };
}

async function download(host: string, options: HttpsOptions, signal: AbortSignal): Promise<string> {
  const request = {
    method: "GET",
    host,
    path: "/.well-known/mta-sts.txt",
    headers: { accept: "text/plain" },
    // A page that any user of the host could have put there is no policy.
    refuses: (status: number, type: string) =>
      status === 200 && /^text\/plain *(?:;|$)/i.test(type)
        ? null
        : `answered ${status} with ${type || "no type"}`,
    maxOctets,
  } as const;
  const { body } = await exchangeHttps(request, options, signal);
  return body.toString("latin1");
}
