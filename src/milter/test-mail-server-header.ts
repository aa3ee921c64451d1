import type { Answer } from "./test-milter-client.ts";

interface Field {
  readonly name: string;
  value: string;
  gone: boolean;
}

/**
 * A message's header as a mail server holds it, which milters change. Postfix counts the fields that are left; others count
 * those that were there. Above stands its own Received field, which milters neither see nor count.
 */
export class MailServerHeader {
  readonly #fields: Field[];
  readonly #above: Field[] = [{ name: "Received", value: " by the mail server", gone: false }];
  readonly #countsGone: boolean;
  readonly #leadingSpace: boolean;

  constructor(
    fields: readonly (readonly [name: string, value: string])[],
    options: { readonly countsGone: boolean; readonly leadingSpace: boolean },
  ) {
    this.#fields = fields.map(([name, value]) => ({ name, value, gone: false }));
    this.#countsGone = options.countsGone;
    this.#leadingSpace = options.leadingSpace;
  }

  /** As milters see them: one space is eaten where that is not agreed otherwise. */
  shown(): [string, string][] {
    return this.#fields.map(({ name, value }) => [
      name,
      this.#leadingSpace ? value : value.replace(/^ /, ""),
    ]);
  }

  carryOut({ letter, data }: Answer): void {
    const number = data.readUInt32BE(0);
    const [name = "", value = "", ...rest] = data.toString("latin1", 4).split("\0");
    if (rest.join() !== "") throw new Error("two strings were expected");
    const whole = this.#leadingSpace ? value : ` ${value}`;
    if (letter === "i") {
      if (number !== 0) throw new Error("only the top is expected");
      this.#above.unshift({ name, value: whole, gone: false });
    } else if (letter === "m") {
      const same = this.#fields.filter(
        (field) => field.name.toLowerCase() === name.toLowerCase() && (this.#countsGone || !field.gone),
      );
      const field = same[number - 1];
      if (field === undefined) throw new Error(`there is no ${name} ${number}`);
      if (value === "") field.gone = true;
      else field.value = whole;
    } else throw new Error(`${letter} changes no header`);
  }

  /** The header that goes on its way, without the server's own field. */
  octets(): string {
    return [...this.#above, ...this.#fields]
      .filter(({ name, value, gone }) => !gone && !(name === "Received" && value === " by the mail server"))
      .map(({ name, value }) => `${name}:${value.replaceAll("\n", "\r\n")}\r\n`)
      .join("");
  }
}
