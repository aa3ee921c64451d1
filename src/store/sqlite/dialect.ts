import type { Dialect } from "../sql/dialect.ts";

export const sqliteDialect: Dialect = {
  text: "TEXT",
  integer: "INTEGER",
  octets: "BLOB",
  counter: "INTEGER PRIMARY KEY",
  keyed: "STRICT, WITHOUT ROWID",
  plain: "STRICT",
  largeContents: "files",
  rawOctets: () => "",
  zeroes: (count) => `x'${"00".repeat(count)}'`,
  preparation: "",
  // Whoever asks for `PRAGMA data_version` sees it.
  announce: () => "",
  refuse: ({ name, change, table, when, because }) =>
    `CREATE TRIGGER ${name} BEFORE ${change} ON ${table} ${when === undefined ? "" : `WHEN ${when}`}
     BEGIN SELECT raise(ABORT, '${because}'); END;`,
  allow: ({ name }) => `DROP TRIGGER ${name};`,
};
