import { readdirSync, rmSync } from "node:fs";
import { freePorts } from "../free-ports.ts";
import type { HostService, MilterHost, MilterHostSettings, MilterPlace } from "./milter-host.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { startSendmail } from "./sendmail.ts";

/** Debian's Sendmail with milters, each of its daemons with its own. */
export async function startSendmailHost<Name extends string>(
  settings: MilterHostSettings<Name>,
): Promise<MilterHost<Name>> {
  const { hostname, services, nextHops, account } = settings;
  const names = Object.keys(services) as Name[];
  const numbers = await freePorts(names.length);
  const ports = Object.fromEntries(names.map((name, index) => [name, numbers[index]])) as Record<
    Name,
    number
  >;
  const places = new Set(names.flatMap((name) => services[name].milters));
  const queue = makePeerFolder("sendmail-queue", []);
  const more = [
    `define(\`confDOMAIN_NAME', \`${hostname}')`,
    `define(\`QUEUE_DIR', \`${queue}')`,
    // Passwords without TLS too; and what they prove is told only where AUTH= of MAIL needs it.
    "define(`confAUTH_OPTIONS', `A y')",
    "define(`confMAX_MIME_HEADER_LENGTH', `0/0')", // docs/milter.md: else it rewrites MIME that is broken
    ...[...places].map(declaration),
    ...names.map((name) => daemon(name, ports[name], services[name])),
    "",
  ];
  const relay = await startSendmail({ nextHops, ...(account ? { account } : {}) }, more.join("\n"));
  return {
    ports,
    quarantined: () => readdirSync(queue).filter((name) => name.startsWith("hf")).length,
    log: () => relay.log(),
    stop: async () => {
      await relay.stop();
      rmSync(queue, { recursive: true, force: true });
    },
  };
}

/** `F=T`: while it is away mail is refused for now. */
function declaration(place: MilterPlace): string {
  const socket = typeof place === "number" ? `inet:${place}@127.0.0.1` : `local:${place}`;
  return `MAIL_FILTER(\`${nameOf(place)}', \`S=${socket}, F=T, T=C:30s;S:60s;R:60s;E:5m')`;
}

function daemon(name: string, port: number, { milters, clients }: HostService): string {
  const filters = milters.map(nameOf).join(";");
  const modifiers = clients === "logins" ? ", M=a" : "";
  const place = `Name=${name}, Addr=127.0.0.1, Port=${port}, Listen=100`;
  return `DAEMON_OPTIONS(\`${place}${modifiers}, InputMailFilters=${filters}')`;
}

function nameOf(place: MilterPlace): string {
  return `m${String(place).replaceAll(/\W/g, "_")}`;
}
