/** Tables: `Accept: text/csv`. */
import { stringify } from "csv-stringify/sync";
import type { Context } from "hono";
import { accepts } from "hono/accepts";

export type Cell = string | number | boolean | undefined;
export type Table = { readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] };

export const wantsCsv = (c: Context): boolean =>
  accepts(c, { header: "Accept", supports: ["application/json", "text/csv"], default: "application/json" }) === "text/csv";

/** RFC 4180 with a header line. A text that a spreadsheet would take for a formula is prefixed with an apostrophe. */
export const csvText = ({ columns, rows }: Table): string =>
  stringify([columns, ...rows] as unknown[][], {
    record_delimiter: "\r\n",
    escape_formulas: true,
    cast: { boolean: (value) => String(value), number: (value) => ({ value: String(value), escape_formulas: false }) },
  });
