/** No question without a tenant: what the reader refuses, and what every table has. */
import { describe, expect, it } from "vitest";
import type { Derived, Fact } from "../../domain/event.ts";
import { projections } from "../../projections/index.ts";
import { readerOf } from "../../projections/reader.ts";
import { historyOf } from "../support/history.ts";

const asking = () => {
  const sent: unknown[] = [];
  const select = async (sql: string, params: object) => {
    sent.push({ sql, params });
    return [];
  };
  return { sent, reader: readerOf({ select }, "acme") };
};
const OWN = "tenant = {tenant:String}";

describe("a reader bound to a tenant", () => {
  it.each([
    `SELECT count() FROM alerts WHERE ${OWN}`,
    `SELECT count() FROM alerts WHERE ${OWN} AND camera = {camera:String} AND (id = 'a' OR id = 'b') GROUP BY id HAVING (n > 1 OR n < 0)`,
    `WITH (SELECT max(at) FROM states WHERE ${OWN}) AS newest, few AS (SELECT id FROM alerts WHERE ${OWN}) SELECT * FROM few WHERE id > newest`,
    `SELECT start FROM presence WHERE ${OWN} UNION ALL SELECT start FROM (SELECT start FROM presence WHERE ${OWN} AND at > 0)`,
    `SELECT id FROM alerts WHERE ${OWN} AND id IN (SELECT arrayJoin({ids:Array(String)}))`,
    `SELECT ') FROM alerts' AS text FROM alerts WHERE ${OWN} AND id = 'it\\'s (' AND camera = 'a''b'`,
    `SELECT camera, n FROM (SELECT camera, count() AS n FROM alerts WHERE ${OWN} GROUP BY camera) GROUP BY camera, n ORDER BY camera, n`,
    `SELECT tenant, max(start) OVER (ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) FROM alerts AS a WHERE ${OWN} LIMIT 1`,
    `WITH few AS (SELECT id FROM alerts WHERE ${OWN}), fewer AS (SELECT id FROM few) SELECT id FROM (SELECT id FROM fewer WHERE 1 OR 0)`,
    "SELECT {one:Int64}",
  ])("gives it to %s", async (sql) => {
    const { sent, reader } = asking();
    await reader.select(sql, { camera: "c" });
    expect(sent).toEqual([{ sql, params: { camera: "c", tenant: "acme" } }]);
  });

  it.each([
    ["a table without it", "SELECT count() FROM alerts"],
    ["a table with other conditions only", "SELECT count() FROM alerts WHERE camera = {camera:String}"],
    ["a table of the bookkeeping", "SELECT * FROM marks"],
    ["a table of the engine", `SELECT * FROM system.tables WHERE name = 'a'`],
    ["an inner table without it", `SELECT * FROM (SELECT * FROM alerts) WHERE ${OWN}`],
    ["an outer table without it", `SELECT * FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ${OWN})`],
    [
      "a table read for one value",
      `WITH (SELECT max(endTimestamp) FROM alerts) AS newest SELECT * FROM alerts WHERE ${OWN} AND at < newest`,
    ],
    ["the second of a union", `SELECT id FROM alerts WHERE ${OWN} UNION ALL SELECT id FROM alerts`],
    ["an OR beside it", `SELECT id FROM alerts WHERE ${OWN} OR camera = 'a'`],
    ["an OR before it", `SELECT id FROM alerts WHERE camera = 'a' OR id = 'b' AND ${OWN}`],
    ["it among alternatives", `SELECT id FROM alerts WHERE (${OWN} OR camera = 'a')`],
    ["its opposite", `SELECT id FROM alerts WHERE NOT ${OWN}`],
    ["it after the grouping only", `SELECT id FROM alerts GROUP BY id HAVING ${OWN}`],
    ["it in a text only", `SELECT id FROM alerts WHERE camera = ' AND ${OWN} AND '`],
    ["it in a comment only", `SELECT id FROM alerts WHERE 1 /* AND ${OWN} */`],
    ["another parameter", "SELECT id FROM alerts WHERE tenant = {camera:String}"],
    ["another meaning of the column", `SELECT {tenant:String} AS tenant FROM alerts WHERE ${OWN}`],
    ["two tables side by side", `SELECT a.id FROM alerts AS a, crossings WHERE ${OWN}`],
    ["a joined table", `SELECT id FROM alerts JOIN crossings ON id = objectId WHERE ${OWN}`],
    ["a table after IN", `SELECT id FROM alerts WHERE ${OWN} AND id IN crossings`],
    ["a function that is a table", `SELECT id FROM merge('alerts') WHERE ${OWN}`],
    ["a function that reads one", `SELECT dictGet('d', 'a', id) FROM alerts WHERE ${OWN}`],
    ["a quoted name", `SELECT id FROM "alerts" WHERE ${OWN}`],
    ["a name that a WITH elsewhere gave", `SELECT id FROM (WITH alerts AS (SELECT 1) SELECT 1) UNION ALL SELECT id FROM alerts`],
    ["a BETWEEN that takes its AND", `SELECT id FROM alerts WHERE camera BETWEEN 1 AND ${OWN}`],
    ["a BETWEEN after it", `SELECT id FROM alerts WHERE ${OWN} AND 0 BETWEEN 0 AND 1`],
    ["an OR after it that stands alone", `SELECT id FROM alerts WHERE ${OWN} OR 1`],
    ["an OR in small letters", `SELECT id FROM alerts WHERE ${OWN} or 1`],
    ["an OR after what looks like another clause", `SELECT 1 AS window FROM alerts WHERE ${OWN} AND window OR 1`],
    ["an OR after what looks like a union", `SELECT 1 AS EXCEPT FROM alerts WHERE ${OWN} AND EXCEPT OR 1`],
    ["its opposite among others", `SELECT id FROM alerts WHERE camera = 'a' AND NOT ${OWN}`],
    ["it compared with something", `SELECT id FROM alerts WHERE ${OWN} IN (SELECT 0)`],
    ["a CASE around it", `SELECT id FROM alerts WHERE CASE WHEN 1 AND ${OWN} AND 1 THEN 1 ELSE 1 END`],
    ["a CASE beside it", `SELECT id FROM alerts WHERE ${OWN} AND CASE WHEN 1 THEN 1 ELSE 1 END`],
    ["a choice by signs", `SELECT id FROM alerts WHERE camera = 'a' ? 0 AND ${OWN} : 1`],
    ["it in an array", `SELECT id FROM alerts WHERE [0 AND ${OWN} AND 0] = [0]`],
    ["it in a lambda", `SELECT id FROM alerts WHERE arrayExists(x -> 1 AND ${OWN} AND 1, [1]) = 0`],
    ["it in a map", `SELECT id FROM alerts WHERE {'a': 0 AND ${OWN} AND 0} = {}`],
    ["it before the rows are filtered", `SELECT id FROM alerts AS WHERE ${OWN}`],
    ["a FROM that comes first", `FROM alerts SELECT id WHERE ${OWN}`],
    ["a FROM that comes first further in", `SELECT id FROM (FROM alerts SELECT id WHERE ${OWN})`],
    ["the existence of a table", "EXISTS alerts"],
    ["a list of tables", "SHOW TABLES"],
    ["the form of a table", "DESCRIBE alerts"],
    ["an explanation", `EXPLAIN SELECT id FROM alerts WHERE ${OWN}`],
    ["a write", `INSERT INTO alerts SELECT * FROM alerts WHERE ${OWN}`],
    ["a write after a WITH", `WITH few AS (SELECT 1) INSERT INTO alerts SELECT * FROM alerts WHERE ${OWN}`],
    ["a file as the answer's place", `SELECT id FROM alerts WHERE ${OWN} GROUP BY id INTO OUTFILE 'a'`],
    ["settings", `SELECT id FROM alerts WHERE ${OWN} SETTINGS prefer_column_name_to_alias = 0`],
    ["another meaning of the column without AS", `SELECT {tenant:String} tenant FROM alerts WHERE ${OWN}`],
    ["another meaning of the column among others", `SELECT * REPLACE ('acme' AS tenant) FROM alerts WHERE ${OWN}`],
    ["another meaning of the column in a WITH", `WITH 'acme' AS tenant SELECT id FROM alerts WHERE ${OWN}`],
    ["the parameter as a column's name", "SELECT id FROM alerts WHERE tenant = {tenant:Identifier}"],
    ["a parameter as a table's name", `SELECT id FROM {camera:Identifier} WHERE ${OWN}`],
    ["a parameter as a column's name", `SELECT {camera: Identifier} FROM alerts WHERE ${OWN}`],
    ["a name in place of a table's", `WITH alerts AS (SELECT * FROM alerts) SELECT * FROM alerts`],
    ["a name before it is given", `WITH few AS (SELECT * FROM marks), marks AS (SELECT 1) SELECT * FROM few`],
    ["a name that a later union gives", `SELECT id FROM alerts UNION ALL WITH alerts AS (SELECT 1 AS id) SELECT id FROM alerts`],
    ["a name that an earlier union gave", `WITH alerts AS (SELECT 1 AS id) SELECT id FROM alerts UNION ALL SELECT id FROM alerts`],
    ["a name that a window has", `SELECT 1 FROM alerts WINDOW w AS (), alerts AS (PARTITION BY id)`],
    ["a union in small letters", `SELECT id FROM alerts WHERE ${OWN} union all select id from alerts`],
    ["a union that says no more", `SELECT id FROM alerts WHERE ${OWN} UNION SELECT id FROM alerts`],
    ["what is left when others are taken away", `SELECT id FROM alerts EXCEPT SELECT id FROM alerts WHERE ${OWN}`],
    ["a table deep within", `SELECT id FROM (SELECT id FROM (SELECT id FROM (SELECT id FROM alerts)))`],
    ["a table in a lambda", `SELECT arrayMap(x -> (SELECT count() FROM alerts), [1]) FROM alerts WHERE ${OWN}`],
    ["a table in an array", `SELECT [(SELECT count() FROM alerts)] FROM alerts WHERE ${OWN}`],
    ["a table in brackets", `SELECT id FROM (alerts)`],
    ["a table after IN in brackets", `SELECT id FROM alerts WHERE ${OWN} AND id IN (crossings)`],
    ["a table in the function of IN", `SELECT id FROM alerts WHERE ${OWN} AND in(id, crossings)`],
    ["a table in the function of GLOBAL NOT IN", `SELECT id FROM alerts WHERE ${OWN} AND globalNotIn(id, crossings)`],
    ["a joined array", `SELECT id FROM alerts ARRAY JOIN [1] AS tenants WHERE ${OWN}`],
    ["a part of a table", `SELECT id FROM alerts SAMPLE 1 WHERE ${OWN}`],
    ["a table that brackets without a fellow hide", `SELECT id FROM alerts) WHERE ${OWN}`],
    ["a line's comment", `SELECT id FROM alerts WHERE ${OWN} AND 1 -- '\n OR 1 '`],
    ["a comment of another kind", `SELECT id FROM alerts WHERE 1 # AND ${OWN}`],
    ["a comment of a third kind", `SELECT id FROM alerts WHERE 1 // AND ${OWN}`],
    ["a text within dollars", `SELECT $$'$$, id FROM alerts WHERE 1 OR '' = ' AND ${OWN}'`],
    ["a text that does not end", `SELECT id FROM alerts WHERE ${OWN} AND id = 'a`],
    ["quotes and dashes beyond ASCII", `SELECT id FROM alerts WHERE id = \u2018a\u2019 AND ${OWN}`],
    ["a second statement", `SELECT id FROM alerts WHERE ${OWN}; SELECT 1`],
  ])("refuses %s", async (_, sql) => {
    const { sent, reader } = asking();
    await expect(reader.select(sql, { camera: "c" })).rejects.toThrow("not of one tenant");
    expect(sent).toEqual([]);
  });

  it("is the only one who says which: no question can name another, and nobody is no tenant", async () => {
    const { sent, reader } = asking();
    const sql = `SELECT id FROM alerts WHERE ${OWN}`;
    await expect(reader.select(sql, { tenant: "other" })).rejects.toThrow("said there only");
    await expect(readerOf({ select: async () => [] }, "").select(sql, {})).rejects.toThrow("said there only");
    expect(sent).toEqual([]);
  });
});

describe("a table of the warehouse", () => {
  const histories = [3, 4, 5].map((seed) => historyOf(seed, "acme", "gate", 60));
  const facts = histories.flatMap((history) => history.facts);
  const derived = histories.flatMap((history) => history.derived);

  it.each(projections.map((projection) => [projection.name, projection] as const))(
    "of %s has the tenant first in its key",
    (name, { ddl }) => {
      const text = ddl(name);
      const key = /\) ENGINE = [\s\S]*\bORDER BY \(([^()]+)\)/.exec(text)?.[1];
      expect(key?.split(", ").slice(0, 2)).toEqual(["tenant", "camera"]);
      expect(text).toMatch(/\(\s*tenant LowCardinality\(String\), camera LowCardinality\(String\),/);
      for (const [, second] of text.matchAll(/PROJECTION \w+ \(SELECT [^()]*(?:\([^()]*\)[^()]*)?(?:ORDER|GROUP) BY ([^()]+)\)/g))
        expect(second?.startsWith("tenant, ")).toBe(true);
    },
  );

  it.each(projections.map((projection) => [projection.name, projection] as const))("of %s has the tenant in every row", (_, projection) => {
    const rows =
      projection.log === "facts"
        ? facts.flatMap((fact: Fact) => projection.rows(fact, 1, 0))
        : derived.flatMap((event: Derived) => projection.rows(event, 1, 0));
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect([row.tenant, row.camera]).toEqual(["acme", "gate"]);
  });
});
