import { readCorpus } from "./corpus.ts";
import { edgeMessages } from "./edge-messages.ts";

/** Messages of others, and those that are just within the rules, as if one author had written them all. */
export function messagesWrittenBy(author: string): { readonly name: string; readonly octets: Buffer }[] {
  return [...readCorpus(), ...edgeMessages].map(({ name, octets }) => {
    const text = octets.toString("latin1");
    const body = text.search(/(?:^|\r\n)\r\n/);
    const [header, rest] = body === -1 ? [text, ""] : [text.slice(0, body + 2), text.slice(body + 2)];
    const others = header.replace(fieldsOfAuthors, "");
    return { name, octets: Buffer.from(`From: ${author}\r\n${others}${rest}`, "latin1") };
  });
}

const fieldsOfAuthors = /^(?:from|sender|reply-to|resent-[a-z-]*)[ \t]*:.*\r\n(?:[ \t].*\r\n)*/gim;
