// Accounts by the hundred thousand, made through the keyring as an import makes them, and the requests for their keys.
import { auditKeyOf, Keyring, MasterKey } from "../src/keyring/index.ts";
import { openKeyringStore } from "../src/store/index.ts";
import { Script } from "./lookup-client.ts";

/** As many digits in all of them: every request is as long as the others. */
const FIRST_NUMBER = 1_000_000;

export interface LoadedAccounts {
  /** How long it took to make them. */
  readonly seconds: number;
  /** What asks for the key of each, all of one length. */
  readonly requests: Buffer;
  readonly requestOctets: number;
}

/** Local part of the nth account. */
export function accountName(n: number): string {
  return `u${FIRST_NUMBER + n}`;
}

/**
 * Makes accounts of example.test without passwords, each with its key pair, addresses and a line in the audit log.
 *
 * @param location an empty store: the path of a file, or a `postgresql:` URL
 */
export async function loadAccounts(location: string, count: number): Promise<LoadedAccounts> {
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  const requests: string[] = [];
  // The keyring tells nobody the ids of so many keys, but it tells them the store.
  const addAccounts = store.addAccounts.bind(store);
  store.addAccounts = (accounts) => {
    for (const [{ primaryAddress, key }] of accounts) requests.push(`KEY ${primaryAddress} ${key.kid}\r\n`);
    return addAccounts(accounts);
  };
  const keyring = await Keyring.open({ store, masterKey });
  await keyring.addDomain("example.test");
  const start = performance.now();
  const { refused } = await keyring.addAccounts(
    Array.from({ length: count }, (_, n) => ({ address: `${accountName(n)}@example.test` })),
  );
  const seconds = (performance.now() - start) / 1000;
  await store.close();
  if (refused > 0) throw new Error(`${refused} accounts were refused`);
  const requestOctets = (requests[0] as string).length;
  return { seconds, requests: Buffer.from(requests.join(""), "latin1"), requestOctets };
}

/** Each account once, in an order that is the same every time. */
export function uniform({ requests, requestOctets }: LoadedAccounts): Script {
  return arranged(requests, requestOctets, shuffled(requests.length / requestOctets));
}

/** As people are written to: the nth most popular account one nth as often as the first (Zipf's law). */
export function zipf({ requests, requestOctets }: LoadedAccounts): Script {
  const accounts = shuffled(requests.length / requestOctets);
  const upTo = new Float64Array(accounts.length);
  let sum = 0;
  for (const [n] of accounts.entries()) upTo[n] = sum += 1 / (n + 1);
  const random = randomNumbers();
  const drawn = accounts.map(() => accounts[rank(upTo, random() * sum)] as number);
  return arranged(requests, requestOctets, drawn);
}

/** The first place of an ascending list whose value is not below this one. */
function rank(upTo: Float64Array, value: number): number {
  let low = 0;
  for (let high = upTo.length - 1; low < high; ) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function arranged(requests: Buffer, octets: number, order: Uint32Array): Script {
  const result = Buffer.allocUnsafeSlow(order.length * octets);
  for (const [at, n] of order.entries()) requests.copy(result, at * octets, n * octets, (n + 1) * octets);
  return new Script(result, octets);
}

function shuffled(count: number): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, n) => n);
  const random = randomNumbers();
  for (let n = count - 1; n > 0; n--) {
    const other = Math.floor(random() * (n + 1));
    const moved = numbers[n] as number;
    numbers[n] = numbers[other] as number;
    numbers[other] = moved;
  }
  return numbers;
}

/** The same numbers from 0 up to 1 every time (xorshift32). */
function randomNumbers(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
