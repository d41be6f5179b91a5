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

/** The records in the order of their numbers; those of one number, one a partition, were one transaction. */
const storedIn = async (dir: string): Promise<readonly (readonly Stored[])[]> => {
  const root = open<Buffer, number>({ path: dir, maxDbs: 140, encoding: "binary", overlappingSync: false });
  const groups: Stored[][] = [];
  for (let p = 0; p < PARTITIONS; p++) {
    const table = root.openDB<Buffer, number>({ name: `facts/${p}`, encoding: "binary" });
    for (const key of table.getKeys()) {
      groups[key] ??= [];
      groups[key].push({ name: `facts/${p}`, key, bytes: Buffer.from(table.getBinary(key) as Buffer) });
    }
  }
  await root.close();
  return groups;
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

const measure = async (perAppend: number): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
  try {
    const appends = Array.from({ length: Math.ceil(FRAMES / perAppend) }, (_, i) => frames.slice(i * perAppend, (i + 1) * perAppend));
    const logs = await openLmdbLogs({ dir, partitions: PARTITIONS });
    const took = await seconds(() => flood(appends, IN_FLIGHT, (append) => logs.facts.append(append)));
    let read = 0;
    const reading = await seconds(async () => {
      for (let p = 0; p < PARTITIONS; p++) for await (const { events } of logs.facts.read(p, "start")) read += events.length;
    });
    await logs.close();
    if (read !== FRAMES) throw new Error(`${read} frames were read back of ${FRAMES}.`);
    const groups = await storedIn(dir);
    const bytes = groups.flat().reduce((sum, record) => sum + record.bytes.length, 0);
    const bareTook = await bare(groups);
    console.log(
      JSON.stringify({
        perAppend,
        transactions: groups.length,
        bytesPerFrame: Math.round(bytes / FRAMES),
        framesPerSecond: Math.round(FRAMES / took),
        megabytesPerSecond: Math.round(bytes / took / 1e6),
        bareMegabytesPerSecond: Math.round(bytes / bareTook / 1e6),
        ratioToBare: Math.round((100 * bareTook) / took) / 100,
        objectsReadPerSecond: Math.round((FRAMES * OBJECTS) / reading),
      }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
};

await measure(1000); // Warms the compiler; the second run of each is the one to quote.
for (const perAppend of [100, 1000]) for (let run = 0; run < 2; run++) await measure(perAppend);
