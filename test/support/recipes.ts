import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "./free-ports.ts";

/** The files of a recipe, by their paths, as they stand in docs/gateways.md. */
export type Recipe = ReadonlyMap<string, string>;

/**
 * The recipes of the page by their headings. The first line of each block is a comment with the file's path, and perhaps
 * what else is to be known behind a colon.
 */
export function readRecipes(): ReadonlyMap<string, Recipe> {
  const page = readFileSync(join(import.meta.dirname, "../../docs/gateways.md"), "utf8");
  const recipes = new Map<string, Recipe>();
  for (const section of page.split(/^### /m).slice(1)) {
    const title = section.slice(0, section.indexOf("\n"));
    const files = new Map<string, string>();
    for (const [, block = ""] of section.matchAll(/^```\w*\n(.*?)^```$/gms)) {
      const [, path] = /^# (\/[^\s:]+)/.exec(block) ?? [];
      if (path === undefined) throw new Error(`a block of "${title}" names no file:\n${block}`);
      files.set(path, block);
    }
    recipes.set(title, files);
  }
  return recipes;
}

/** All ports on the page. What listens at 10.0.0.7 is on another host, where the same ports are others here. */
const portsOnPage = ["25", "465", "587", "10025", "10026", "10027", "10028", "10.0.0.7:25", "10.0.0.7:465"];

/** Where the page's places are in a test. */
export class RecipePlaces {
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(ports: ReadonlyMap<string, number>) {
    this.#ports = ports;
  }

  static async find(): Promise<RecipePlaces> {
    const free = await freePorts(portsOnPage.length);
    return new RecipePlaces(new Map(portsOnPage.map((name, index) => [name, free[index] as number])));
  }

  port(name: string): number {
    const port = this.#ports.get(name);
    if (port === undefined) throw new Error(`the page has no port ${name}`);
    return port;
  }

  /** The text of a file with ports and addresses that there are here. */
  localize(text: string): string {
    return text
      .replaceAll(/10\.0\.0\.7:\d+/g, (place) => `127.0.0.1:${this.port(place)}`)
      .replaceAll(/10\.0\.0\.\d+/g, "127.0.0.1")
      .replaceAll(/\*:(\d+)/g, (_, port: string) => `127.0.0.1:${this.port(port)}`)
      .replaceAll(/(?<![\d.§-])(?:587|465|1002[5-8])(?![\d.])/g, (port) => String(this.port(port)))
      .replace(/^smtp +inet/m, `127.0.0.1:${this.port("25")} inet`)
      .replace(/^submission +inet/m, `127.0.0.1:${this.port("587")} inet`);
  }
}

/** Settings without what a test's provider is given anyway: its name, and its certificate. */
export function providerSettings(toml: string): string {
  return toml.replace(/^hostname = .*\n/m, "").replace(/^\[tls\].*\n(?:\w+ = .*\n)+/m, "");
}
