import type { Installation, User } from "../network/installation.ts";
import type { PlaygroundNetwork } from "../network/playground-network.ts";

/** Those whom a visitor may play afterwards. */
export const CAST = [
  "allice@someisp.test",
  "boss@someisp.test",
  "secretary@someisp.test",
  "bob@dest.test",
  "offers@spam.test",
];

/** Mailboxes of dest.test that are written to before anybody logs in to them, if at all. */
const MAILBOXES = [
  "bob@dest.test",
  "eve@dest.test",
  "bob@detour.test",
  "bob@observe.dest.test",
  "bob@require.dest.test",
];

/** The users of all providers; each gets an account when first needed, which takes a password's hashing. */
export class People {
  readonly #providers: readonly Installation[];
  readonly #users = new Map<string, Promise<User>>();

  private constructor(providers: readonly Installation[]) {
    this.#providers = providers;
  }

  static async gather({ someisp, dest, spam }: PlaygroundNetwork): Promise<People> {
    await Promise.all(MAILBOXES.map((address) => dest.addMailbox(address)));
    return new People([someisp, dest, spam]);
  }

  user(address: string): Promise<User> {
    const known = this.#users.get(address);
    if (known !== undefined) return known;
    const domain = address.slice(address.indexOf("@") + 1);
    const provider = this.#providers.find(({ plan }) => plan.domains.some(({ name }) => name === domain));
    if (provider === undefined) throw new Error(`no provider has ${domain}`);
    const made = provider.addUser(address);
    this.#users.set(address, made);
    return made;
  }
}
