import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import { type HostAndPort, parseRedirectTarget } from "../../config/index.ts";
import { KeyServerControl } from "../../provider/index.ts";
import { explain } from "../administration/explain.ts";
import { Printer } from "../administration/printer.ts";
import { addConfigOption, readConfig } from "../configuration.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { isDrained, isFollowed, type State, stateFields, stateObject, stateOf, stateText } from "./state.ts";

interface Options {
  readonly config?: string;
  readonly json?: boolean;
  readonly to?: HostAndPort;
  readonly wait?: number;
}

/** How often it is looked, while something is waited for. */
const LOOK_MS = 100;
/** How long processes that run well take at most to do what they are told. */
const FOLLOW_MS = 1000;

/** `vsmtp key-server`: takes this host's key server out of service and back; a running one follows at once. */
export function define(command: Command, done: Done): void {
  const drain = subcommand(command, "drain", "take no new clients, also after a restart, until resumed", {
    about: [
      "Clients who are connected get an answer to what they have asked, are sent to the other server with their next question, or leave after 30 seconds without one.",
    ],
    examples: [
      ["vsmtp key-server drain --to keys2.example.org:8757 --wait 60", "before the host is restarted"],
      ["vsmtp key-server drain", "where there is no other key server: mail is verified later"],
    ],
  })
    .option("--to HOST:PORT", "send clients there; without it they are told to come back later", target)
    .option("--wait SECONDS", "until no client is left; exit status 75 when some still are", seconds);
  drain.action(async (options: Options) => {
    const control = controlOf(options);
    await control.drain({ to: options.to ?? null, since: Math.floor(Date.now() / 1000) });
    await stateOnce(control, isFollowed, FOLLOW_MS);
    const state = await stateOnce(control, isDrained, (options.wait ?? 0) * 1000);
    await print(state, options);
    if (options.wait !== undefined && !isDrained(state)) done(EXIT.temporary);
  });
  subcommand(command, "resume", "take clients again", {
    examples: [["vsmtp key-server resume", "after the restart"]],
  }).action(async (options: Options) => {
    const control = controlOf(options);
    await control.resume();
    await print(await stateOnce(control, isFollowed, FOLLOW_MS), options);
  });
  subcommand(command, "status", "what it does with clients, and how many it has", {
    examples: [["vsmtp key-server status", "whether a drained server is free of clients"]],
  }).action(async (options: Options) => print(await stateOf(controlOf(options)), options));
}

function subcommand(
  parent: Command,
  name: string,
  summary: string,
  explanation: {
    readonly about?: readonly string[];
    readonly examples: readonly (readonly [string, string])[];
  },
): Command {
  const command = parent.command(name).description(summary);
  command.option("--json", "answer with JSON, one object a line");
  return explain(addConfigOption(command), { ...explanation, json: stateFields });
}

/** The state once it is so, or after this time. */
async function stateOnce(
  control: KeyServerControl,
  isSo: (state: State) => boolean,
  ms: number,
): Promise<State> {
  const end = Date.now() + ms;
  let state = await stateOf(control);
  while (!isSo(state) && Date.now() < end) {
    await delay(LOOK_MS);
    state = await stateOf(control);
  }
  return state;
}

function print(state: State, { json }: Options): Promise<void> {
  return new Printer<keyof typeof stateFields>(json === true).print(stateObject(state), stateText(state));
}

function controlOf({ config }: Options): KeyServerControl {
  return new KeyServerControl(readConfig(config).dataDirectory);
}

function target(written: string): HostAndPort {
  const place = parseRedirectTarget(written);
  if (place !== null) return place;
  throw new InvalidArgumentError("It must be HOST:PORT, the host a name and the port 443 or at least 1024.");
}

function seconds(written: string): number {
  if (/^\d{1,6}$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It must be a number of seconds.");
}
