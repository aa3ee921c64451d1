import type { Config } from "../config/index.ts";
import { createLog, type Provider, startProvider } from "../provider/index.ts";
import { EXIT } from "./exit-status.ts";
import { stopSignal } from "./stop-signal.ts";
import { UsageError } from "./usage-error.ts";

/** Runs the roles of these settings until the process is told to stop; with `check` only says that they can be used. */
export async function runRoles(
  config: Config,
  { check = false }: { readonly check?: boolean },
): Promise<number> {
  if (check) {
    process.stdout.write(`the settings are in order; roles: ${[...config.roles].join(", ")}\n`);
    return EXIT.ok;
  }
  const stopping = stopSignal(); // from the start: told to stop while it starts, it stops in order too
  const log = createLog(config.logLevel, process.stdout);
  let provider: Provider;
  try {
    provider = await startProvider(config, log);
  } catch (error) {
    throw new UsageError(startProblem(error));
  }
  for (const { role, host, port, tls } of provider.places) log.info({ role, host, port, tls }, "listening");
  log.info({ hostname: config.hostname, roles: [...config.roles] }, "started");
  const signal = await stopping;
  log.info({ signal }, "stopping");
  await provider.stop();
  log.info("stopped");
  return EXIT.ok;
}

/** What an operator can do about a role that does not start. */
function startProblem(error: unknown): string {
  const { code, message, path } = error as NodeJS.ErrnoException;
  const { port, address } = error as { port?: number; address?: string };
  const place = `${address ?? "*"}:${port ?? "?"}`;
  if (code === "EADDRINUSE")
    return `${place} is in use: stop what listens there, or choose another listen address`;
  if (code === "EACCES" && port !== undefined) {
    return `${place}: permission denied: ports below 1024 need the capability CAP_NET_BIND_SERVICE`;
  }
  if (code === "EADDRNOTAVAIL") return `${place} is no address of this machine: change the listen address`;
  if (code === "ENOENT" && path !== undefined)
    return `${path}: there is no such file, which the settings name`;
  if (code === "EACCES" && path !== undefined) return `${path}: permission denied for this user`;
  return `cannot start: ${message}`;
}
