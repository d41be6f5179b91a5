import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { dice, historyOf } from "../support/history.ts";
import { verified } from "../support/proven.ts";
import { embedded, projected, tempDir } from "../support/warehouse.ts";

const SIZE = 1200;
const HOUR_MS = 3_600_000;

/** Some of it long before: times without anything lie between. */
const spread = <E extends Fact | Derived>(event: E, d: ReturnType<typeof dice>): E =>
  d.chance(0.9) || event.kind !== "frame" ? event : { ...event, timestamp: event.timestamp - d.upTo(400) * 24 * HOUR_MS };

describe("a camera with more rows than are read in one go, odd names and repeats among them", () => {
  const logs = openMemoryLogs({ partitions: 1 });
  const home = tempDir();
  let warehouse: Warehouse;
  let facts: readonly Fact[];

  beforeAll(async () => {
    warehouse = (await embedded(home.dir)).warehouse;
    const history = historyOf(11, "t'en\\ant", "näher", SIZE);
    const d = dice(5);
    facts = history.facts.map((fact) => spread(fact, d));
    const [first] = facts.filter((fact) => fact.kind === "frame");
    // No text to ClickHouse; and numbers that are written in several ways.
    const bbox = { leftX: -0, topY: 1e21, rightX: 1e-7, bottomY: 0.1 + 0.2 };
    const broken = { id: "\ud800", type: "half \udc00", bbox, confidence: 5e-324, info: [["\ud83d", "x"]] as [string, string][] };
    facts = [...facts, { ...(first as Extract<Fact, { kind: "frame" }>), id: "broken \ud800", objects: [broken] }];
    // An alert that stands there twice is a fault, which is not looked for here.
    const derived = [...new Map(history.derived.map((event) => [JSON.stringify(event), event])).values()];
    for (let i = 0; i < facts.length; i += 100) await logs.facts.append(facts.slice(i, i + 100));
    await logs.derived.append(derived);
    await (await projected(logs, warehouse)).stop();
  });
  afterAll(async () => {
    await warehouse.close();
    await logs.close();
    home.remove();
  });

  it("agrees, row by row", async () => {
    const { findings, proof } = await verified(logs, warehouse);
    expect(findings).toEqual([]);
    const frames = facts.filter(({ kind }) => kind === "frame").length;
    expect(proof.tables.find(({ table }) => table === "frames")).toMatchObject({ events: frames, rows: frames });
    expect(frames).toBeGreaterThan(1000);
  });

  it("has each row named that is missing, altered or there twice on a day of many", async () => {
    const days = await warehouse.select<{ day: number; n: number }>(
      "SELECT intDiv(timestamp, 86400000) * 86400000 AS day, count() AS n FROM frames GROUP BY day ORDER BY n DESC LIMIT 1",
      {},
    );
    const { day = 0, n = 0 } = days[0] ?? {};
    expect(n).toBeGreaterThan(900);
    const of = await warehouse.select<{ position: number }>(
      `SELECT position FROM frames WHERE timestamp >= ${day} AND timestamp < ${day + 24 * HOUR_MS} ORDER BY position`,
      {},
    );
    const at = (i: number): number => (of[i] as { position: number }).position;
    const [gone, other, twice] = [at(17), at(Math.floor(n / 2)), at(n - 1)];
    await warehouse.define([
      `INSERT INTO frames SELECT * FROM frames WHERE position = ${twice} SETTINGS insert_deduplicate = 0`,
      `ALTER TABLE frames DELETE WHERE position = ${gone} SETTINGS mutations_sync = 2`,
      `ALTER TABLE frames UPDATE receivedAt = receivedAt + 1 WHERE position = ${other} SETTINGS mutations_sync = 2`,
    ]);
    const { findings } = await verified(logs, warehouse);
    const named = findings.map((finding) => [finding.what, "first" in finding && finding.first.position, "n" in finding && finding.n]);
    expect(named.sort()).toEqual(
      [
        ["rows-missing", gone, 1],
        ["rows-altered", other, 1],
        ["rows-doubled", twice, 1],
      ].sort(),
    );
  });
});
