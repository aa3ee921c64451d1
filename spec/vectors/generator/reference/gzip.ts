import { base64 } from "./canonical.ts";

/** RFC 1952 with one stored block (RFC 1951 §3.2.4): every unpacker reads it, and it is the same on every machine. */
export function gzipStored(text: string): Buffer {
  const octets = Buffer.from(text);
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  const block = Buffer.alloc(5);
  block[0] = 1;
  block.writeUInt16LE(octets.length, 1);
  block.writeUInt16LE(octets.length ^ 0xffff, 3);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(octets), 0);
  tail.writeUInt32LE(octets.length, 4);
  return Buffer.concat([head, block, octets, tail]);
}

/** Base64 in lines of 76 (RFC 2045 §6.8). */
export function base64Body(octets: Uint8Array): string {
  return base64(octets).replace(/.{1,76}/g, "$&\r\n");
}

/** RFC 1952 §8, bit by bit. */
function crc32(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
