/**
 * How fast facts become durable, and how fast they are read back:
 *
 *     node bench/log.ts [--frames 20000] [--objects 20] [--in-flight 4]
 *
 * Frames like those of a busy crossing go through `append`; then the very bytes that were stored are put into a bare LMDB
 * environment with the same options, in the same groups, each group awaited (fsynced). The ratio of the two is the price of the log.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { open } from "lmdb";
import { openLmdbLogs } from "../adapters/log-lmdb.ts";
import type { Frame } from "../domain/event.ts";
import { partitionOf } from "../domain/ids.ts";
import { EVENTS_PER_RECORD } from "../domain/ports.ts";
import { median } from "../test/support/figures.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "20000" },
    objects: { type: "string", default: "20" },
    "in-flight": { type: "string", default: "4" },
  },
});
const FRAMES = Number(values.frames);
const OBJECTS = Number(values.objects);
const IN_FLIGHT = Number(values["in-flight"]);
const SENSORS = 100;
const PARTITIONS = 4;

/** Seeded, so that every run stores the same bytes. */
const random = ((): (() => number) => {
  let s = 1;
  return () => {
    s = (Math.imul(s, 1_664_525) + 1_013_904_223) >>> 0;
    return s / 4_294_967_296;
  };
})();
const hundredths = (v: number): number => Math.round(v * 100) / 100;

const frames: Frame[] = Array.from({ length: FRAMES }, (_, f) => {
  const tick = Math.floor(f / SENSORS) + 1;
  const sensor = f % SENSORS;
  const at = Date.UTC(2026, 0, 1) + tick * 100;
  return {
    kind: "frame",
    tenant: "default",
    camera: `cam-${String(sensor).padStart(3, "0")}`,
    receivedAt: at + 40,
    timestamp: at,
    id: String(tick),
    modelVersion: undefined,
    objects: Array.from({ length: OBJECTS }, (_, k) => {
      const x = 40 + 1200 * random();
      const y = 60 + 640 * random();
      return {
        id: String(1 + sensor * 1000 + k + Math.floor(tick / 300) * OBJECTS),
        type: "Person",
        bbox: { leftX: hundredths(x), topY: hundredths(y), rightX: hundredths(x + 40), bottomY: hundredths(y + 100) },
        confidence: hundredths(0.5 + random() / 2),
        info: undefined,
      };
    }),
  };
});

const seconds = async (work: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

/** Keeps so many in flight, as the door does under load. */
const flood = async <T>(items: readonly T[], inFlight: number, send: (item: T) => Promise<unknown>): Promise<void> => {
  let next = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < items.length) await send(items[next++] as T);
    }),
  );
};

type Stored = { readonly name: string; readonly key: number; readonly bytes: Buffer };

/** The records of each transaction, as they were acknowledged together. */
const storedIn = async (dir: string, groups: readonly ReadonlySet<string>[]): Promise<readonly (readonly Stored[])[]> => {
  const root = open<Buffer, number>({ path: dir, maxDbs: 140, encoding: "binary", overlappingSync: false });
  const tables = Array.from({ length: PARTITIONS }, (_, p) => root.openDB<Buffer, number>({ name: `facts/${p}`, encoding: "binary" }));
  const stored = groups.map((group) =>
    [...group].map((record): Stored => {
      const [partition, key] = record.split("/").map(Number) as [number, number];
      return { name: `facts/${partition}`, key, bytes: Buffer.from(tables[partition]?.getBinary(key) as Buffer) };
    }),
  );
  await root.close();
  return stored;
};

const bare = async (groups: readonly (readonly Stored[])[]): Promise<number> => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
  try {
    const root = open<Buffer, number>({ path: dir, maxDbs: 16, encoding: "binary", overlappingSync: false });
    const tables = new Map(
      Array.from({ length: PARTITIONS }, (_, p) => [`facts/${p}`, root.openDB<Buffer, number>({ name: `facts/${p}`, encoding: "binary" })]),
    );
    const took = await seconds(async () => {
      for (const group of groups) {
        await root.batch(() => {
          for (const { name, key, bytes } of group) void tables.get(name)?.put(key, bytes);
        });
      }
    });
    await root.close();
    return took;
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const measure = async (perAppend: number): Promise<Record<string, number>> => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
  try {
    const appends = Array.from({ length: Math.ceil(FRAMES / perAppend) }, (_, i) => frames.slice(i * perAppend, (i + 1) * perAppend));
    const logs = await openLmdbLogs({ dir, partitions: PARTITIONS });
    // What one commit acknowledges is told in one turn of the event loop. Which records that were is worked out after the clock has stopped.
    let turn = 0;
    const told: { readonly turn: number; readonly append: readonly Frame[]; readonly positions: readonly number[] }[] = [];
    const send = async (append: readonly Frame[]): Promise<void> => {
      const positions = await logs.facts.append(append);
      if (told.at(-1)?.turn !== turn) setImmediate(() => turn++);
      told.push({ turn, append, positions });
    };
    const took = await seconds(() => flood(appends, IN_FLIGHT, send));
    const byTurn = new Map<number, Set<string>>();
    for (const { turn: at, append, positions } of told) {
      const group = byTurn.get(at) ?? new Set<string>();
      byTurn.set(at, group);
      for (const [i, position] of positions.entries()) {
        group.add(`${partitionOf("default", (append[i] as Frame).camera, PARTITIONS)}/${Math.floor(position / EVENTS_PER_RECORD)}`);
      }
    }
    let read = 0;
    const reading = await seconds(async () => {
      for (let p = 0; p < PARTITIONS; p++) for await (const { events } of logs.facts.read(p, "start")) read += events.length;
    });
    await logs.close();
    if (read !== FRAMES) throw new Error(`${read} frames were read back of ${FRAMES}.`);
    const records = await storedIn(dir, [...byTurn.values()]);
    const bytes = records.flat().reduce((sum, record) => sum + record.bytes.length, 0);
    const bareTook = await bare(records);
    return {
      perAppend,
      transactions: records.length,
      bytesPerFrame: Math.round(bytes / FRAMES),
      framesPerSecond: Math.round(FRAMES / took),
      megabytesPerSecond: Math.round(bytes / took / 1e6),
      bareMegabytesPerSecond: Math.round(bytes / bareTook / 1e6),
      ratioToBare: Math.round((100 * bareTook) / took) / 100,
      objectsReadPerSecond: Math.round((FRAMES * OBJECTS) / reading),
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
};

/** Of each figure the middle one: single runs differ by a factor of two on a machine that does other things. */
const RUNS = 5;
const medians = (runs: readonly Record<string, number>[]): Record<string, number> =>
  Object.fromEntries(Object.keys(runs[0] ?? {}).map((name) => [name, median(runs.map((run) => run[name] as number))]));

await measure(1000); // Warms the compiler.
for (const perAppend of [100, 1000]) {
  const runs: Record<string, number>[] = [];
  for (let run = 0; run < RUNS; run++) runs.push(await measure(perAppend));
  console.log(JSON.stringify({ medianOf: RUNS, ...medians(runs) }));
}
