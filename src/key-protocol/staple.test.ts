import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../message/index.ts";
import { formatStaple, parseStatement, readStaples } from "./index.ts";

const SIGNED =
  "v=1; i=allice@someisp.tld; k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200; na=1104537600; iat=1073304000; ttl=600; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=; s=hu7cekOwsqUk6OkPJVakhxbcMlFfU/hU2MNwM4YLW55X/Ij/EcO3o9NZy/h6zfaRt1uuxA1vAmwKvQvXvyU9DQ==";

function texts(fields: string): string[] {
  const header = parseHeader(Buffer.from(fields, "latin1"));
  const staples = header.fields.filter(({ name }) => name === "vsmtp-key-statement");
  return readStaples(header, staples).map(({ text }) => text);
}

test("the statement of Appendix A is stapled in lines that fit a screen (STP-1)", () => {
  assert.equal(
    formatStaple(SIGNED),
    [
      "VSMTP-Key-Statement: v=1; i=allice@someisp.tld;",
      " k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200;",
      " na=1104537600; iat=1073304000; ttl=600;",
      " p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=;",
      " s=hu7cekOwsqUk6OkPJVakhxbcMlFfU/hU2MNwM4YLW55X/Ij/EcO3o9NZy/h6zfaRt1uuxA1vAmwKvQvXvyU9DQ==",
      "",
    ].join("\r\n"),
  );
});

test("every statement that can be stapled comes back octet for octet, in lines that may be sent (STP-3)", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,9}=[!-:<-~]{1,800}$/);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const text = ["v=1", ...words, SIGNED.slice(5)].join("; ");
      const field = formatStaple(text);
      if (field === null) return assert.ok(text.length > 3500);
      for (const line of field.split("\r\n")) assert.ok(line.length <= 998);
      assert.ok(field.endsWith("\r\n"));
      const header = parseHeader(Buffer.from(field, "latin1"));
      assert.equal(header.fault, null);
      assert.deepEqual(texts(field), parseStatement(text).ok ? [text] : []);
    }),
    { numRuns: 200 },
  );
});

test("a statement that would not survive is not stapled (STP-3)", () => {
  for (const text of ["", "v=1;  i=a", " v=1", "v=1 ", "v=1;\ti=a", "v=1\r\nX: y", "v=\xff", "v=\0"])
    assert.equal(formatStaple(text), null, JSON.stringify(text));
  assert.equal(formatStaple(`v=1; x=${"a".repeat(1000)}`), null);
  assert.equal(formatStaple(`v=1; ${"x=y; ".repeat(1000)}z=1`), null);
});

test("fields of any octets are read, at most ten of them and none that is large (STP-4)", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (values) => {
      const pieces = values.flatMap((value) => [
        Buffer.from("VSMTP-Key-Statement:"),
        value,
        Buffer.from("\r\n"),
      ]);
      const header = parseHeader(Buffer.concat(pieces));
      readStaples(header, header.fields);
    }),
  );
  const good = `VSMTP-Key-Statement: ${SIGNED}\r\n`;
  assert.equal(texts(good.repeat(20)).length, 10);
  assert.equal(texts(`VSMTP-Key-Statement: x\r\n`.repeat(10) + good).length, 0);
  assert.equal(texts(good.replace(";", `;${"\r\n ".repeat(1200)}`)).length, 1);
  assert.equal(texts(good.replace(";", `;${"\r\n ".repeat(1300)}`)).length, 0);
});
