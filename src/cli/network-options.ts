import { isIP } from "node:net";
import { type Command, InvalidArgumentError } from "commander";

/** A place to connect to; `host` may be an address. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface NetworkOptions {
  resolver?: HostPort[];
  ca?: string[];
  connect?: HostPort;
}

/** How a lookup reaches the world; `--connect` is for closed test networks (TRU-10). */
export function addNetworkOptions(command: Command): Command {
  return command
    .option("--resolver HOST:PORT", "ask this name server, an IP address (the system's)", resolverArgument)
    .option(
      "--ca FILE",
      "trust these certificate authorities too; may be repeated",
      (file: string, before: string[] = []) => [...before, file],
    )
    .option(
      "--connect HOST:PORT",
      "connect here, whatever DNS says: for closed test networks",
      hostPortArgument,
    );
}

/** `host:port` or `[2001:db8::1]:port`. */
function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : null;
}

function hostPortArgument(text: string): HostPort {
  const place = parseHostPort(text);
  if (place === null) throw new InvalidArgumentError("It must be HOST:PORT.");
  return place;
}

function resolverArgument(text: string, before: HostPort[] = []): HostPort[] {
  const place = parseHostPort(text) ?? parseHostPort(`${text}:53`);
  if (place === null || isIP(place.host) === 0) throw new InvalidArgumentError("It must be ADDRESS:PORT.");
  return [...before, place];
}
