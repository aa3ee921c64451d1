import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** No line is longer, so that it fits into any window. */
export const WIDTH = 100;

/** Where the playground prints: colours only where a person looks at them, and never with NO_COLOR. */
export class Terminal {
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  line(text = ""): void {
    this.#stream.write(`${text}\n`);
  }

  /** Text in lines of its own, indented. */
  paragraph(text: string, indent: number, style?: Style): void {
    for (const line of wrap(text, WIDTH - indent))
      this.line(" ".repeat(indent) + (style === undefined ? line : this.paint(style, line)));
  }

  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stream as WriteStream });
  }
}

/** Breaks at spaces; a word that is longer than a line gets one of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

/** One line at most. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
