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
    `SELECT count() FROM alerts WHERE camera = {camera:String} AND ${OWN} AND (id = 'a' OR id = 'b') GROUP BY id HAVING n > 1 OR n < 0`,
    `WITH (SELECT max(at) FROM states WHERE ${OWN}) AS newest, few AS (SELECT id FROM alerts WHERE ${OWN}) SELECT * FROM few WHERE id > newest`,
    `SELECT start FROM presence WHERE ${OWN} UNION ALL SELECT start FROM (SELECT start FROM presence WHERE ${OWN} AND at > 0)`,
    `SELECT id FROM alerts WHERE ${OWN} AND id IN (SELECT arrayJoin({ids:Array(String)}))`,
    `SELECT ') FROM alerts' AS text FROM alerts WHERE ${OWN} AND id = 'it\\'s (' AND camera = 'a''b'`,
    `SELECT camera, n FROM (SELECT camera, count() AS n FROM alerts WHERE ${OWN} GROUP BY camera) GROUP BY camera, n ORDER BY camera, n`,
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
