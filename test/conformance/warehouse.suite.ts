/** What every warehouse does, whatever stands behind the port. */
import { expect, it } from "vitest";
import type { Warehouse } from "../../domain/ports.ts";
import { KEPT } from "../../projections/projection.ts";
import { refusal } from "../support/refusal.ts";

export const warehouseSuite = (the: () => Warehouse): void => {
  const table = async (name: string, columns = "n Int64, text String, x Float64"): Promise<void> => {
    await the().define([`DROP TABLE IF EXISTS ${name} SYNC`, `CREATE TABLE ${name} (${columns}) ENGINE = MergeTree ORDER BY n ${KEPT}`]);
  };
  const count = async (name: string): Promise<number> =>
    (await the().select<{ n: number }>(`SELECT count() AS n FROM ${name}`, {}))[0]?.n ?? -1;

  it("gives back text and numbers as they were put in", async () => {
    await table("kinds");
    const texts = ["", "it's", "back\\slash", "tab\tline\nreturn\r", "nul\u0000", "😀 自転車", '{"a":[1]}', "{n:Int64}", "\\N"];
    const numbers = [0, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -123456.78901234567, 1 / 3];
    const rows = texts.map((text, i) => ({ n: i - 3, text, x: numbers[i % numbers.length] as number }));
    await the().insert("kinds", rows, "one");
    expect(await the().select("SELECT n, text, x FROM kinds ORDER BY n", {})).toEqual(rows);
    for (const row of rows)
      expect(await the().select("SELECT n FROM kinds WHERE text = {text:String}", { text: row.text })).toEqual([{ n: row.n }]);
  });

  it("keeps integers of the size of positions exact", async () => {
    const n = Number.MAX_SAFE_INTEGER;
    expect(await the().select("SELECT {n:Int64} AS n, {m:Int64} AS m", { n, m: -n })).toEqual([{ n, m: -n }]);
  });

  it("binds lists, also empty ones and such with quotes in them", async () => {
    const texts = ["a'b", "c\\", "d,]", "", "e\nf\t", "😀"];
    const [row] = await the().select(
      "SELECT {texts:Array(String)} AS texts, {ns:Array(Int64)} AS ns, {none:Array(String)} AS none, {yes:Bool} AS yes",
      {
        texts,
        ns: [3, -2, 1],
        none: [],
        yes: true,
      },
    );
    expect(row).toEqual({ texts, ns: [3, -2, 1], none: [], yes: true });
  });

  it("takes a value for a value, never for a part of the statement", async () => {
    const text = "x' OR 1 = 1 --";
    expect(await the().select("SELECT {text:String} AS text WHERE 'x' = {text:String}", { text })).toEqual([]);
  });

  it("replaces half a surrogate pair, which is no text, rather than refusing the batch", async () => {
    await table("halves");
    await the().insert("halves", [{ n: 1, text: "a\ud800b", x: 0 }], "half");
    expect(await the().select("SELECT text FROM halves", {})).toEqual([{ text: "a\ufffdb" }]);
  });

  it("inserts nothing again under the same token, and everything under another", async () => {
    await table("tokens");
    const row = { n: 1, text: "same", x: 1 };
    for (const token of ["a", "a", "b", "a", "b", "c"]) await the().insert("tokens", [row], token);
    expect(await count("tokens")).toBe(3);
  });

  it("keeps a token to its insert: the next one is not dropped for it", async () => {
    await table("sticky");
    for (let i = 0; i < 5; i++) await the().insert("sticky", [{ n: i, text: "", x: 0 }], `token ${i}`);
    expect(await count("sticky")).toBe(5);
  });

  it("takes ten thousand rows at once, and none twice", async () => {
    await table("many");
    const rows = Array.from({ length: 10_000 }, (_, n) => ({ n, text: `row ${n}`, x: n / 7 }));
    await Promise.all([the().insert("many", rows, "all"), the().insert("many", rows, "all")]);
    expect(await count("many")).toBe(10_000);
  });

  it("inserts nothing where there are no rows", async () => {
    await table("empty");
    await the().insert("empty", [], "none");
    expect(await count("empty")).toBe(0);
  });

  it("answers many questions at once, each with its own values", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => the().select<{ n: number }>("SELECT {n:Int64} AS n", { n })));
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it("refuses a wrong statement, an unknown table and a missing value, and says that trying again is no use", async () => {
    for (const sql of ["SELEC 1", "SELECT * FROM nowhere", "SELECT {missing:Int64}"]) {
      const { code, retryable } = await refusal(the().select(sql, {}));
      expect({ sql, code, retryable }).toEqual({ sql, code: "bad-query", retryable: false });
    }
    expect((await refusal(the().insert("nowhere", [{ n: 1 }], "x"))).code).toBe("bad-query");
    expect((await refusal(the().define(["CREATE NOTHING"]))).code).toBe("bad-query");
  });

  it("says which table lost a part", async () => {
    await table("torn");
    await the().insert("torn", [{ n: 1, text: "", x: 0 }], "x");
    expect(await the().damaged()).not.toContain("torn");
    await the().define(["ALTER TABLE torn DETACH PARTITION tuple()"]);
    expect(await the().damaged()).toContain("torn");
    await the().define(["DROP TABLE torn SYNC"]);
    expect(await the().damaged()).not.toContain("torn");
  });
};
