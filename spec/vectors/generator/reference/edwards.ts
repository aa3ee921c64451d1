// Just enough of edwards25519 (RFC 8032 §5.1) to make signatures that no honest signer makes. Affine points,
// division by Fermat: slow and obvious.
import { createHash } from "node:crypto";

const P = 2n ** 255n - 19n;
/** The order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const D = mod(-121665n * inverse(121666n), P);
const BASE: Point = {
  x: 15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  y: 46316835694926478169428394003475163141307993866256225615783033603165251855960n,
};
/** A point of order 4: adding it changes a point, and multiplying by the cofactor hides the change. */
export const TORSION: Point = { x: power(2n, (P - 1n) / 4n), y: 0n };

export function add(p: Point, q: Point): Point {
  const product = D * p.x * q.x * p.y * q.y;
  return {
    x: mod((p.x * q.y + q.x * p.y) * inverse(1n + product), P),
    y: mod((p.y * q.y + p.x * q.x) * inverse(1n - product), P),
  };
}

export function multiplyBase(scalar: bigint): Point {
  let sum: Point = { x: 0n, y: 1n };
  for (const bit of scalar.toString(2)) {
    sum = add(sum, sum);
    if (bit === "1") sum = add(sum, BASE);
  }
  return sum;
}

export function encodePoint(point: Point): Buffer {
  return encodeNumber(point.y | ((point.x & 1n) << 255n));
}

/** 32 octets, least significant first. */
export function encodeNumber(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();
}

export function decodeNumber(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).reverse().toString("hex")}`);
}

/** The secret scalar of a seed. */
export function secretScalar(seed: Uint8Array): bigint {
  const half = createHash("sha512").update(seed).digest().subarray(0, 32);
  return (decodeNumber(half) & ((1n << 254n) - 8n)) | (1n << 254n);
}

/** k = SHA-512(R || A || M) mod L. */
export function challenge(r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint {
  return mod(decodeNumber(createHash("sha512").update(r).update(a).update(message).digest()), L);
}

function mod(number: bigint, modulus: bigint): bigint {
  return ((number % modulus) + modulus) % modulus;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P;
    if (bit === "1") result = (result * base) % P;
  }
  return result;
}

function inverse(number: bigint): bigint {
  return power(mod(number, P), P - 2n);
}
