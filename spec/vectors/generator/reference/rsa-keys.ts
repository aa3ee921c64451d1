// RSA test keys: their primes, from which all else follows. They are of no use outside the vectors.
import { createPrivateKey } from "node:crypto";
import { type TestKey, testKey } from "./keys.ts";

/** @param primes base64url, most significant octet first */
function rsaKey(exponent: bigint, ...primes: [p: string, q: string]): TestKey {
  const [p, q] = primes.map((prime) => number(Buffer.from(prime, "base64url"))) as [bigint, bigint];
  const d = inverse(exponent, (p - 1n) * (q - 1n));
  const jwk = { n: p * q, e: exponent, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const texts = Object.entries(jwk).map(([name, value]) => [name, octets(value).toString("base64url")]);
  const key = createPrivateKey({ key: { kty: "RSA", ...Object.fromEntries(texts) }, format: "jwk" });
  return testKey("rsa-sha256", "allice@someisp.tld", key);
}

function number(value: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(value).toString("hex")}`);
}

function octets(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r, next] = [modulus, value % modulus];
  let [t, nextT] = [0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [t, nextT] = [nextT, t - quotient * nextT];
  }
  return ((t % modulus) + modulus) % modulus;
}

export const RSA_2048 = rsaKey(
  65537n,
  "98kiDw6dGp-bDSd0qFUrgrxn3jiB3yioKez7KEChXl3RcLGYF3phQlGZcwIEZ7o9lQCqJfrU2t-Y5T3y5Vpju_hFWGoOrIc0" +
    "LfY0H74ajFdzsJm4ReWEXuL645SGrT_iWXy8al_hz65BuR4ciLJ71DDM9grFa3JyIcQ6dQJPcjc",
  "6-8G7RJmjUQVKzVTMq0W0jYuE8p1F7Jq5bvOdJ-VP5CuB-NngAyXiG6f5dS3CBl2p8ZmXK6s0CUbfewJxjJD1b4gbZhWv-PJ" +
    "sZI6GbwiPr_EkDaE34errJMSQdkzZ11lbhJ516hNQQA5u1cDEIpVOvwzOFxoerw7P9IqB5WhlYM",
);

export const RSA_4096 = rsaKey(
  65537n,
  "3jiia6JuXRpl96fDx5o4Jlb3CqmPWUmzavvsjuJoMqz-wjBerKcSmcOWZa41Brtl9lD1IA-m1-cCRg2jfJy9P8MC2otLBPLO" +
    "5k_tMntcA6EJkEbh9woe3Ec82CdS6dqPJJ55dAfWkG2vhNdkTKFIUDndIN6_1-FkqKOnDLUs8GjEcvMuzxRqRv0FovjVUVD5" +
    "Upmu-RSaN_gWK2pqEqn3H_ad2ireHyvq5LRh5FwgdPit3U4N-FF2Mv7eccGHnRU2Ax16DL3ijiIXBEnFZGInuX95IGJ6y76p" +
    "JBjXUvW4v2kDR5GngmMNT2K7SPLZ3Qvxg-Q1USTJT0TGFBA3J9BWZQ",
  "vQNQjbO9moWjQvDYqzo2s3dpFG_GF7MzW_bedxuV4bK1dpc2CbsSIc0TAHh72pkfjIMIn8oX60rRbItSBJdbD_XiFUFzBdMj" +
    "C8pub_43B-g70wPQqSqCy8MXY-P5vHkaeiilnEyfChsTfvIbIX4y_j4ghdIMcT_B2IZzMn08cRgLZQ7cwi3IPSTMIMcyt-Go" +
    "FWyUGzGbENNiUR_LZlShVeQvPb-E5T-iTVkQqESUzyIct7yPK-xXn9zJz8mOoR7NGa6MZpeUK-gyNu1A2FQvTGSdvnB33UHa" +
    "EbAxe1D5qHQEHfKN5K41vy5VncKdb2QNYZGE_NT9xzKGFmXu7U7ddw",
);

export const RSA_1024 = rsaKey(
  65537n,
  "-SyxBvtcl6eqZBRYNgOwaoZZmKDDE0flJY_C9pNs1BX32wk_t9grDQpcevViDuscAp0-xeLVDSIkvhekHWk_QQ",
  "9G4rfYrLU4D7cBnnlfP4shf8GJMATaCzW7GoBhcXbMDVQOhz89DEolk9o7rXF4JEiXr1jWf7Ef-2TP1YHWM9NQ",
);

export const RSA_2040 = rsaKey(
  65537n,
  "D9ty8v1_TSDye8oNek0U4La6e8sgMUGyE_m_mfySYW4t4W8u-YdBQiGRs2szfzP59jhPykxwBfKk_xEcH2ob7rvW7cSU6PHR" +
    "nfQUOi3lkXwdhornZS7ZKZq6dT7F3Kl2V_f44w8OMDwuDOBO5IBOE63Ns6maI2EmTZeWGZTb1Bs",
  "DlD51y8peks-P7RKVSkYIWEzJk0P3f33GGSBES0uYNFVUQOqIu69iY7mw0PgeQA9dEu9Cex3pDKYokBinB8r9JKhfxTKmde8" +
    "VFoiMbZ85tARJCB1aWnQ4-JJ9I3bjgP2lJX57GYsfulmeJtTymHRDSxYV8RQdBgsJof1LuKVqcE",
);

export const RSA_4104 = rsaKey(
  65537n,
  "DJEs34tHp8LNu1nBbpBtFK7j8iIA0PfkfUc-2AC6IJSPqMqzm1IA4lU0xrl2T0OmErlOqbVOWWybaLAzhWjq34p1a5oFj-b7" +
    "beytqBncVZsolROxFME8R5exaI3OuZKS_egXuXmTHajiJ5N3VaaTIqjs5rJUvgw-yv_K_aa-vZYvEYg1CfSoqLmrMdbXDaE7" +
    "TIH3lyjdOE2jxaX4N8tHUREiHyAYZayHVokjPqv6O5UtaMvagOa-oZcFKBcoi6B3Z72np1hz--Nt7dnBfjcgLEBnVZmZ4Uuz" +
    "0rygaC5wBtMs6xiK6aaAjpwQFtxLjxw8yvu3yOMqyKdYjdN6zWlx2tM",
  "DHHHa5RB-cPrOe_ymbDh79aEoVsNOWH-XfSH_Qtk4c94_YKuLNaXd7XqASJt1WaWLdDUSBZAqXhGzpX4NLsr00mBV29V2Rx2" +
    "Pp7yWXsJQzp_OMCeZSv7jFzKQiqHB5uOY1vJjvr87bfjMMA5GYx7A7Ybho-RNLHHA02062Y2hLjIqU541RTio86VSIcXLEUG" +
    "jRYg_6ag32_ZZGecgbNmy70ZteVibdtxJ5s-1C9bUO7QPWNzAKWuwEm0H95TLDXV_5NId97UVeSlr2rejFKKbli6mw8gGwp3" +
    "eVfZn_NRQCYwd_izuhiuaPSwtklDXTGqzWB6rmeSGC5MEmtLw3h04F8",
);

export const RSA_EXPONENT_3 = rsaKey(
  3n,
  "_0O4TKY4auydvZ02eoN3SwT1Jsr4i_NHa84DAtFb_rhiDAYq5IT9E3R-GLc2VoOD6rpC3guV271xEmLLELny93cxucyQJJN1" +
    "lAvR749wtVlE7cmbPiDfBky6wDom1evoUk1zLUbsAm9AcsKn57cohuXoXS3cNc3R38WQKzPCyQs",
  "3HaruGfItHEvNNsR31D7pq4c8IDQG7cBqWcsLSCn1_cvxht9ZpncVJXRDPopjloDZp4aT17NmsZR8AOPReVzWDUG91kE8U_t" +
    "74GIItCM5QNVFRo0zWgNzT4-xYsjjXDKF9zVM-GPJbjPeFWWICwsnMUCNhZzT4yYT1MYXFjuxxk",
);
