import { isIP } from "node:net";
import type { MilterConnection } from "./handler.ts";
import { DataReader } from "./packet.ts";

/** Who a mail server's client is. */
export type ClientInfo = Pick<MilterConnection, "hostName" | "family" | "address" | "port">;

/** Reads the data of CONNECT: name, family, and where there is one port and address. Returns what is wrong otherwise. */
export function readConnection(data: Buffer): ClientInfo | string {
  const reader = new DataReader(data);
  const name = reader.ended();
  const family = reader.octets(1)?.toString("latin1");
  if (name === null || family === undefined) return "no name, or no address family";
  const hostName = name.toString();
  if (family === "U") return { hostName, family: "unknown", address: null, port: null };
  const port = reader.octets(2)?.readUInt16BE() ?? null;
  const text = reader.ended()?.toString();
  if (port === null || text === undefined) return "no port, or no address";
  switch (family) {
    case "L":
      return { hostName, family: "unix", address: text, port: null };
    case "4":
      if (isIP(text) !== 4) return "no IPv4 address where there should be one";
      return { hostName, family: "inet", address: text, port: port || null };
    case "6": {
      // Sendmail writes addresses as SMTP does.
      const address = text.replace(/^IPv6:/i, "");
      if (isIP(address) !== 6) return "no IPv6 address where there should be one";
      return { hostName, family: "inet6", address, port: port || null };
    }
    default:
      return "an unknown address family";
  }
}
