import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Clock, Logs, Warehouse } from "../../domain/ports.ts";
import { createStop, whenStopped } from "../../domain/stop.ts";
import { ask } from "../../projections/ask.ts";
import { amongOthers } from "../../projections/claims.ts";
import { crossings } from "../../projections/crossings.ts";
import { askOthers, hearOthers } from "../../projections/elsewhere.ts";
import { projections } from "../../projections/index.ts";
import { makeBookkeeping, obstacle, openInTurn } from "../../projections/open.ts";
import { Progress } from "../../projections/progress.ts";
import type { Projection } from "../../projections/projection.ts";
import { project } from "../../projections/projector.ts";
import { PACE_MS } from "../../projections/pump.ts";
import type { Scope } from "../../projections/questions.ts";
import { resume } from "../../projections/resume.ts";
import { fold } from "../support/fold.ts";
import { historyOf } from "../support/history.ts";
import { clock, embedded, noted, tempDir } from "../support/warehouse.ts";

const scope: Scope = { tenant: "t", camera: "c", epochs: new Map() };
const open = { from: undefined, to: undefined, limit: 1000, after: undefined };
const PARTITIONS = 2;
const kinds = ["facts", "derived"] as const;
/** Where a process may be held: before one of its statements is sent. */
type Pause = (doing: "insert" | "select", table: string) => Promise<void> | undefined;

/** A warehouse on the way to which a process may be held up. */
const reachedThrough = (warehouse: Warehouse, pause: Pause): Warehouse => ({
  define: (ddl) => warehouse.define(ddl),
  insert: async (table, rows, token) => {
    await pause("insert", table);
    await warehouse.insert(table, rows, token);
  },
  select: async (sql, params) => {
    await pause("select", /FROM (\w+)/.exec(sql)?.[1] ?? "");
    return warehouse.select(sql, params);
  },
  damaged: () => warehouse.damaged(),
  close: () => Promise.resolve(),
});

const gate = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { shut: promise, open: resolve };
};

describe("projectors that share the work", () => {
  let warehouse: Awaited<ReturnType<typeof embedded>>["warehouse"];
  let logs: Logs;
  let remove: () => void;
  const members: { leave(): Promise<void> }[] = [];
  beforeEach(async () => {
    const temp = tempDir();
    remove = temp.remove;
    warehouse = (await embedded(temp.dir)).warehouse;
    await makeBookkeeping(warehouse);
    logs = openMemoryLogs({ partitions: PARTITIONS });
  });
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.leave()));
    await warehouse.close();
    await logs.close();
    remove();
  });

  /** A process: what it is given it brings in, until it hears that it was lost. */
  const member = (
    writer: string,
    {
      pause = () => undefined,
      list = projections,
      listens = true,
      paced = clock,
    }: { pause?: Pause; list?: readonly Projection[]; listens?: boolean; paced?: Clock } = {},
  ) => {
    const note = noted();
    const reached = reachedThrough(warehouse, pause);
    const progress = new Progress();
    const leaving = createStop();
    const given = new Map<number, { hear: () => void; ended: Promise<void> }>();
    const failures: unknown[] = [];
    const listening = !listens
      ? undefined
      : hearOthers({ clock, ...note, stop: leaving.signal, warehouse: reached, epoch: logs.facts.epoch, progress, writer });
    const give = (partition: number): void => {
      const ending = createStop();
      const parts = { clock: paced, ...note, stop: ending.signal, warehouse: reached, projections: list };
      const claims = amongOthers({ warehouse: reached, writer, clock, chance: () => 0.5, stop: ending.signal });
      const work = async (): Promise<void> => {
        if (partition === 0) await openInTurn({ ...parts, ...logs, facts: logs.facts, derived: logs.derived, claims });
        const others = { claims, obstacle };
        await Promise.all(kinds.map((kind) => project({ ...parts, kind, log: logs[kind], partition, progress, others })));
      };
      const ended = work().catch((error: unknown) => void failures.push(error));
      given.set(partition, { hear: () => ending.stop(), ended });
    };
    /** It hears that a partition is not its own any more; until then it knows nothing of that. */
    const take = async (partition: number): Promise<void> => {
      const one = given.get(partition);
      one?.hear();
      await one?.ended;
      given.delete(partition);
    };
    const leave = async (): Promise<void> => {
      leaving.stop();
      await Promise.all([...given.keys()].map(take));
      await listening;
    };
    members.push({ leave });
    return { give, take, leave, progress, failures, ...note };
  };

  /** Somebody who brings nothing in, and asks. */
  const asker = () => {
    const note = noted();
    const progress = new Progress();
    const leaving = createStop();
    const asking = askOthers({ clock, ...note, stop: leaving.signal, warehouse, epoch: logs.facts.epoch, progress, writer: "asker" });
    members.push({
      leave: async () => {
        leaving.stop();
        await asking;
      },
    });
    return progress;
  };
  const end = async (): Promise<readonly (readonly [(typeof kinds)[number], number, number])[]> =>
    Promise.all(
      kinds.flatMap((kind) => Array.from({ length: PARTITIONS }, async (_, p) => [kind, p, (await logs[kind].bounds(p)).end] as const)),
    );
  const settled = async (progress: Progress, ms = 20_000): Promise<void> => {
    const late = AbortSignal.timeout(ms);
    const all = await end();
    const passed = await Promise.all(all.map(([kind, partition, position]) => progress.until(kind, partition, position, late)));
    expect(all.filter((_, i) => passed[i] !== true)).toEqual([]);
  };

  const history = (cameras: readonly string[], size = 60) => {
    const all = cameras.map((camera, i) => historyOf(7 + i, "t", camera, size));
    const facts = all.flatMap((one) => one.facts);
    const derived = all.flatMap((one) => one.derived);
    const some = async (from: number, to: number): Promise<void> => {
      const cut = <E>(list: readonly E[]): readonly E[] => list.slice(Math.floor(list.length * from), Math.floor(list.length * to));
      const [f, d] = [cut(facts), cut(derived)];
      for (let i = 0; i < Math.max(f.length, d.length); i += 40) {
        if (i < f.length) await logs.facts.append(f.slice(i, i + 40));
        if (i < d.length) await logs.derived.append(d.slice(i, i + 40));
      }
    };
    return { facts, derived, some };
  };
  const CAMERAS = ["c", "d", "e", "f"];

  const answersAre = async (facts: ReturnType<typeof history>["facts"], derived: ReturnType<typeof history>["derived"]): Promise<void> => {
    const questions = ask(warehouse, { clock, meter: noted().meter });
    const told = fold(facts, derived);
    const all = { from: undefined, to: undefined };
    for (const camera of CAMERAS) {
      const one = { ...scope, camera };
      const asked = { ...open, limit: 10_000 };
      expect((await questions.frames(one, asked)).rows).toEqual(told.frames(one, all));
      expect((await questions.alerts(one, { ...asked, analytic: undefined })).rows).toEqual(
        told.alerts(one, { ...all, analytic: undefined }),
      );
      expect((await questions.crossings(one, { ...asked, tripwireId: undefined })).rows).toEqual(
        told.crossings(one, { ...all, tripwireId: undefined }),
      );
      expect(await questions.uptime(one, open)).toEqual(told.uptime(one, all));
    }
  };
  /** Whoever comes next finds nothing amiss. */
  const rowsAddUp = async (): Promise<void> => {
    for (const kind of kinds)
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { off } = await resume({ kind, log: logs[kind], partition, projections, warehouse });
        expect([kind, partition, [...off]]).toEqual([kind, partition, []]);
      }
  };
  const rowsOf = async (table: string): Promise<number> =>
    (await warehouse.select<{ n: number }>(`SELECT count() AS n FROM ${table}`, {}))[0]?.n ?? -1;

  it("hand a partition over, and each row is there once", async () => {
    const { facts, derived, some } = history(CAMERAS);
    const [one, two] = [member("one"), member("two")];
    one.give(0);
    one.give(1);
    await some(0, 0.4);
    const progress = asker();
    await settled(progress);
    await Promise.all([one.take(1), some(0.4, 0.5)]);
    two.give(1);
    await some(0.5, 0.8);
    await settled(progress);
    await one.leave();
    two.give(0);
    await some(0.8, 1);
    await settled(progress);
    await two.leave();
    expect([one.failures, two.failures]).toEqual([[], []]);
    await answersAre(facts, derived);
    await rowsAddUp();
    expect(await rowsOf("frames")).toBe(facts.filter(({ kind }) => kind === "frame").length);
    expect(await rowsOf("alerts")).toBe(derived.filter(({ kind }) => kind === "alert").length);
  });

  it.each([
    ["before it says how far it goes", "insert", "marks"],
    ["before it looks whether another came", "select", "claims"],
    ["before it writes the rows", "insert", "frames"],
  ] as const)("bear one that slept %s and was replaced: nothing is lost, and it finds out by itself", async (_, doing, table) => {
    const { facts, derived, some } = history(CAMERAS);
    const asleep = gate();
    const sleeps = gate();
    let isNight = false;
    const pause: Pause = (what, where) => {
      if (!isNight || what !== doing || where !== table) return undefined;
      sleeps.open();
      return asleep.shut;
    };
    const zombie = member("zombie", { pause });
    zombie.give(0);
    zombie.give(1);
    await some(0, 0.3);
    const progress = asker();
    await settled(progress);
    isNight = true;
    await some(0.3, 0.5);
    await sleeps.shut;
    const next = member("next");
    next.give(0);
    next.give(1);
    await some(0.5, 0.8);
    await settled(progress);
    isNight = false;
    asleep.open();
    await some(0.8, 1);
    await settled(progress);
    // Both believe that the partitions are theirs, until the one hears.
    await Promise.all([zombie.take(0), zombie.take(1)]);
    await settled(next.progress);
    await next.leave();
    expect([zombie.failures, next.failures]).toEqual([[], []]);
    await answersAre(facts, derived);
    await rowsAddUp();
    expect(await rowsOf("frames")).toBe(facts.filter(({ kind }) => kind === "frame").length);
  });

  it("go on where rows were written twice, and where rows are missing they are brought in again, that partition alone", async () => {
    const { facts, derived, some } = history(CAMERAS);
    const one = member("one");
    one.give(0);
    one.give(1);
    await some(0, 1);
    await settled(one.progress);
    await one.leave();
    await warehouse.define(["INSERT INTO crossings SELECT * FROM crossings WHERE partition = 0 LIMIT 3"]);
    await warehouse.define(["ALTER TABLE alerts DELETE WHERE partition = 1 AND count < 3 SETTINGS mutations_sync = 2"]);
    const two = member("two");
    two.give(0);
    two.give(1);
    await settled(asker());
    await settled(two.progress);
    await two.leave();
    expect(two.failures).toEqual([]);
    await answersAre(facts, derived);
    await rowsAddUp();
    expect(await rowsOf("alerts")).toBe(derived.filter(({ kind }) => kind === "alert").length);
    expect(await rowsOf("crossings")).toBe(derived.filter(({ kind }) => kind === "crossing").length + 3);
    expect(two.lines.filter((line) => line.startsWith("rows did not add up"))).toHaveLength(2);
  });

  it("wait for the one with partition 0 to make the tables", async () => {
    const { facts, derived, some } = history(CAMERAS, 20);
    await some(0, 1);
    const two = member("two");
    two.give(1);
    await clock.sleep(600);
    expect(two.progress.held()).toEqual(["the tables are being built by the process with partition 0"]);
    const one = member("one");
    one.give(0);
    await settled(asker());
    expect(two.progress.held()).toEqual([]);
    await Promise.all([one.leave(), two.leave()]);
    await answersAre(facts, derived);
  });

  it("of an older version stand aside once one of a newer has built its tables, and nothing is lost", async () => {
    const { facts, derived, some } = history(CAMERAS);
    const newer = projections.map((p): Projection => (p.name === "crossings" ? { ...crossings, version: crossings.version + 1 } : p));
    const old = member("old");
    old.give(0);
    old.give(1);
    await some(0, 0.4);
    await settled(old.progress);
    // The new process comes, and is given partition 0 after 1.
    const fresh = member("fresh", { list: newer });
    await old.take(1);
    fresh.give(1);
    await some(0.4, 0.6);
    await clock.sleep(600);
    expect(fresh.progress.held()).toEqual(["waits until a process of this version has partition 0 and builds the tables"]);
    await old.take(0);
    old.give(1);
    fresh.give(0);
    const outdated = "the tables are of a newer version: this process is to be replaced by that one";
    // One that has nothing to write need not know, and one that was just told waits a moment before it looks why.
    let told = 0.6;
    for (; told < 0.95 && old.progress.held().join() !== outdated; told += 0.01) {
      await some(told, told + 0.01);
      await clock.sleep(400);
    }
    expect(old.progress.held()).toEqual([outdated]);
    await old.leave();
    fresh.give(1);
    await some(told, 1);
    await settled(asker());
    await fresh.leave();
    expect([old.failures, fresh.failures]).toEqual([[], []]);
    expect(fresh.counted.get("tallywire_warehouse_rebuilds_total")).toBe(1);
    await answersAre(facts, derived);
    await rowsAddUp();
  });

  it("bear a night of members that come, go and sleep as chance has it", async () => {
    const { facts, derived, some } = history(CAMERAS, 80);
    let seed = 11;
    const chance = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    const pause: Pause = () => (chance() < 0.15 ? clock.sleep(chance() * 400) : undefined);
    const all = ["a", "b", "c"].map((writer) => member(writer, { pause }));
    const owners = new Map<number, number>();
    const give = (partition: number, to: number): void => {
      const from = owners.get(partition);
      owners.set(partition, to);
      all[to]?.give(partition);
      // Who had it hears of that late.
      if (from !== undefined) late.push(clock.sleep(chance() * 800).then(() => all[from]?.take(partition)));
    };
    const late: Promise<unknown>[] = [];
    for (let round = 0; round < 12; round++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const to = Math.floor(chance() * all.length);
        if (to !== owners.get(partition) && (round === 0 || chance() < 0.5)) {
          await Promise.all(late.splice(0));
          give(partition, to);
        }
      }
      await some(round / 12, (round + 1) / 12);
      await clock.sleep(300);
    }
    await Promise.all(late);
    await settled(asker(), 60_000);
    for (const one of all) await one.leave();
    expect(all.map(({ failures }) => failures)).toEqual([[], [], []]);
    await answersAre(facts, derived);
    const next = member("next");
    next.give(0);
    next.give(1);
    await settled(next.progress);
    await next.leave();
    await rowsAddUp();
    await answersAre(facts, derived);
  }, 180_000);

  it("hurry for who waits in another process, and keep their pace where nobody is heard", async () => {
    const { some } = history(CAMERAS, 200);
    const progress = asker();
    // By this clock, which stands still, a pace never ends: what is held back goes on only for somebody who waits.
    const now = clock.now();
    const paced: Clock = {
      now: () => now,
      sleep: (ms, stop) =>
        ms < PACE_MS || stop === undefined ? clock.sleep(ms, stop) : new Promise((resolve) => void whenStopped(stop, resolve)),
    };
    const bursts = async (listens: boolean, begin: number, ms?: number): Promise<void> => {
      const one = member(`listens: ${listens}`, { listens, paced });
      one.give(0);
      one.give(1);
      for (let i = 0; i < 4; i++) {
        await some(begin + i * 0.1, begin + (i + 1) * 0.1);
        await settled(progress, ms);
      }
      await one.leave();
    };
    await bursts(true, 0);
    await expect(bursts(false, 0.5, 1500)).rejects.toThrow("deeply equal");
  });
});
