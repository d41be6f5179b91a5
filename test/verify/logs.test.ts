import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { packJson, unpackJson } from "../../adapters/codec.ts";
import type { Extent } from "../../adapters/lmdb/records.ts";
import type { Alert, Derived, Fact } from "../../domain/event.ts";
import { EVENTS_PER_RECORD, type Logs, type Warehouse } from "../../domain/ports.ts";
import { damagedLog, furnished, openLog, PARTITIONS, verified } from "../support/proven.ts";
import { clock, embedded, projected, tempDir } from "../support/warehouse.ts";

let warehouse: Warehouse;
let log: Awaited<ReturnType<typeof furnished>>;
const home = tempDir();
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  warehouse = (await embedded(home.dir)).warehouse;
  log = await furnished(warehouse);
  // Copies are taken of it: LMDB's files are whole between two writes.
  await log.logs.close();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await warehouse.close();
  log.remove();
  home.remove();
});

type Table = Parameters<Parameters<typeof damagedLog>[1]>[0];
const damaged = async (damage: (table: Table) => Promise<void>): Promise<Logs> => {
  const { logs, remove } = await damagedLog(log.dir, damage);
  ends.push(remove);
  return logs;
};
const extentOf = (table: Table, name: string): Extent => unpackJson<Extent>("state", table("state").getBinary(name) as Buffer);
const countOf = (logs: Logs, kind: "facts" | "derived", partition: number): Promise<number> =>
  logs[kind].bounds(partition).then(({ start, end }) => (end - start) / EVENTS_PER_RECORD);

describe("a log that was damaged", () => {
  it("is whole as a copy, and agrees", async () => {
    const logs = await damaged(async () => undefined);
    expect((await verified(logs, warehouse)).findings).toEqual([]);
  });

  for (const [kind, by] of [
    ["derived", ["warehouse"]],
    ["facts", ["engine", "warehouse"]],
  ] as const)
    it(`has its newest ${kind} cut off: it is called truncated, by the positions that were read, and the rows from there are counted`, async () => {
      let before: Extent | undefined;
      const logs = await damaged(async (table) => {
        before = extentOf(table, `${kind}/0`);
        const { next } = before;
        for (const record of [next - 1, next - 2]) await table(`${kind}/0`).remove(record);
        await table("state").put(`${kind}/0`, packJson("state", { ...before, next: next - 2 }));
      });
      const { next } = before as Extent;
      const [end, expected] = [(next - 2) * EVENTS_PER_RECORD, next * EVENTS_PER_RECORD];
      const { findings } = await verified(logs, warehouse);
      const cut = findings.filter(({ what }) => what === "log-truncated");
      expect(cut).toEqual(by.map((who) => ({ what: "log-truncated", log: kind, partition: 0, end, expected, by: who })));
      const beyond = findings.filter(({ what }) => what === "rows-beyond");
      expect(beyond.length).toBeGreaterThan(0);
      expect(beyond.every((finding) => "log" in finding && finding.log === kind && finding.partition === 0)).toBe(true);
      expect(findings).toHaveLength(cut.length + beyond.length);
    });

  it("has lost records although it says that it has them: each run of them is named, what is left is compared", async () => {
    const logs = await damaged(async (table) => {
      const { next } = extentOf(table, "derived/1");
      for (const record of [2, next - 2, next - 1]) await table("derived/1").remove(record);
    });
    const next = await countOf(logs, "derived", 1);
    const { findings } = await verified(logs, warehouse);
    expect(findings).toEqual([
      { what: "records-lost", log: "derived", partition: 1, from: 2, to: 2 },
      { what: "records-lost", log: "derived", partition: 1, from: next - 2, to: next - 1 },
    ]);
  });

  it("has lost a whole partition: that is named, and the other agrees", async () => {
    const logs = await damaged(async (table) => {
      await table("facts/1").drop();
    });
    const next = await countOf(logs, "facts", 1);
    const { findings, days } = await verified(logs, warehouse);
    expect(findings).toEqual([{ what: "records-lost", log: "facts", partition: 1, from: 0, to: next - 1 }]);
    expect(days.some(({ table }) => table === "frames")).toBe(true);
    const emptied = await damaged(async (table) => {
      await table("facts/1").drop();
      await table("state").remove("facts/1");
    });
    const again = await verified(emptied, warehouse);
    expect(again.findings.filter(({ what }) => what === "log-truncated")).toHaveLength(2);
    expect(again.findings.every((finding) => "partition" in finding && finding.partition === 1)).toBe(true);
  });

  it("has a record that cannot be read: it is named, the rest is compared, and what is wrong there is found", async () => {
    let broken = 0;
    const logs = await damaged(async (table) => {
      broken = Math.floor(extentOf(table, "facts/0").next / 2);
      const bytes = Buffer.from(table("facts/0").getBinary(broken) as Buffer);
      bytes.writeUInt8(bytes.readUInt8(60) ^ 255, 60);
      await table("facts/0").put(broken, bytes);
    });
    const { findings, days } = await verified(logs, warehouse);
    expect(findings).toMatchObject([{ what: "records-unreadable", log: "facts", partition: 0, from: broken, to: broken }]);
    expect(days.every(({ agrees }) => agrees)).toBe(true);
    const [other] = await warehouse.select<{ position: number; partition: number }>(
      `SELECT position, partition FROM frames WHERE partition = 0 AND intDiv(position, ${EVENTS_PER_RECORD}) != ${broken} ORDER BY position LIMIT 1`,
      {},
    );
    const where = `partition = 0 AND position = ${other?.position}`;
    await warehouse.define(["CREATE TABLE frames__kept AS frames", "INSERT INTO frames__kept SELECT * FROM frames"]);
    await warehouse.define([`ALTER TABLE frames DELETE WHERE ${where} SETTINGS mutations_sync = 2`]);
    const again = await verified(logs, warehouse);
    await warehouse.define([
      `INSERT INTO frames SELECT * FROM frames__kept WHERE ${where} SETTINGS insert_deduplicate = 0`,
      "DROP TABLE frames__kept SYNC",
    ]);
    expect(again.findings.map(({ what }) => what).sort()).toEqual(["records-unreadable", "rows-missing"]);
  });
});

describe("a log that has what it should not", () => {
  const read = async <E>(
    feed: AsyncIterable<{ readonly events: readonly E[]; readonly positions: readonly number[] }>,
  ): Promise<[E, number][]> => {
    const all: [E, number][] = [];
    for await (const { events, positions } of feed) for (const [i, event] of events.entries()) all.push([event, positions[i] as number]);
    return all;
  };
  /** A warehouse of its own, with what is in it now. */
  const beside = async (logs: Logs) => {
    const { dir, remove } = tempDir();
    const own = (await embedded(dir)).warehouse;
    ends.push(async () => {
      await own.close();
      remove();
    });
    const running = await projected(logs, own);
    return { own, running };
  };

  it("has an alert twice, in the log and so in its table: it is named with both positions; a frame twice is no fault", async () => {
    const logs = await damaged(async () => undefined);
    const told = await read<Derived>(logs.derived.read(0, "start"));
    const [alert, first] = told.find(([event]) => event.kind === "alert") as [Alert, number];
    const { own, running } = await beside(logs);
    const [again] = await logs.derived.append([alert]);
    const [frame] = log.facts.filter(({ kind }) => kind === "frame");
    await logs.facts.append([frame as Fact]);
    await running.caughtUp();
    await running.stop();
    const { tenant, camera, id, revision } = alert;
    const { findings } = await verified(logs, own);
    expect(findings).toMatchObject([
      { what: "alert-doubled", table: "alerts", log: "derived", tenant, camera, n: 1, first: { id, revision, position: first }, again },
    ]);
  });
});

describe("a log that goes on", () => {
  it("agrees while frames come in and are brought in", async () => {
    const { dir, remove } = tempDir();
    const engine = tempDir();
    const logs = await openLog(dir);
    const own = (await embedded(engine.dir)).warehouse;
    ends.push(async () => {
      await own.close();
      await logs.close();
      remove();
      engine.remove();
    });
    const running = await projected(logs, own);
    let isOver = false;
    let verifications = 0;
    const coming = (async () => {
      for (let i = 0; i < log.facts.length || verifications < 3; i += 15) {
        const at = i % log.facts.length;
        await logs.facts.append(log.facts.slice(at, at + 15));
        await logs.derived.append([coverageAt(i)]);
        await clock.sleep(20);
      }
      isOver = true;
    })();
    for (; !isOver; verifications++) {
      const { findings } = await verified(logs, own, { reached: (kind, partition) => running.progress.passed(kind, partition) });
      expect(findings).toEqual([]);
    }
    await coming;
    await running.caughtUp();
    await running.stop();
    const { findings, proof } = await verified(logs, own);
    expect(findings).toEqual([]);
    expect(verifications).toBeGreaterThanOrEqual(3);
    expect(proof.tables.find(({ table }) => table === "coverage")?.rows).toBeGreaterThan(10);
    expect(proof.waiting).toEqual({ facts: 0, derived: 0 });
  });

  it("agrees after retention, and says how many rows are older than it reaches", async () => {
    const logs = await damaged(async () => undefined);
    const keepFrom = await Promise.all(Array.from({ length: PARTITIONS }, async (_, p) => (await logs.progress(p)).facts));
    await logs.retain({ arrivedBefore: Date.UTC(2026, 0, 20), maxBytes: Number.MAX_SAFE_INTEGER, keepFrom });
    const starts = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => logs.facts.bounds(p)));
    const { findings, proof } = await verified(logs, warehouse);
    expect(findings).toEqual([]);
    const of = (table: string) => proof.tables.find((one) => one.table === table);
    expect(starts.some(({ start }) => start > 0)).toBe(true);
    const frames = log.facts.filter(({ kind }) => kind === "frame").length;
    expect(of("frames")?.before).toBeGreaterThan(0);
    expect((of("frames")?.before ?? 0) + (of("frames")?.rows ?? 0)).toBe(frames);
    expect(of("alerts")?.before).toBe(0);
  });
});

const coverageAt = (i: number): Derived => {
  const { tenant, camera, receivedAt } = log.facts[i % log.facts.length] as (typeof log.facts)[number];
  return { kind: "coverage", tenant, camera, receivedAt, start: receivedAt + i, end: receivedAt + i + 1000, open: false };
};
