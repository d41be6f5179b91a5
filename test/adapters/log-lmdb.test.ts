/** What only the LMDB log promises: one owner, damage that is found, a full disk, kill -9. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { EVENTS_PER_RECORD, type Logs, type Owned } from "../../domain/ports.ts";
import { batchesOf, cameraIn, coverage, eventsOf, frame, TENANT } from "../conformance/events.ts";

const PARTITIONS = 2;
const A = cameraIn(0, PARTITIONS);
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tallywire-log-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const opened = (more: { readonly partitions?: number; readonly skipCorrupt?: readonly string[] } = {}): Promise<Logs> =>
  openLmdbLogs({ dir, partitions: PARTITIONS, factsPerBatch: 2, ...more });

const using = async <T>(logs: Logs, work: (logs: Logs) => Promise<T>): Promise<T> => {
  try {
    return await work(logs);
  } finally {
    await logs.close();
  }
};

/** Changes a stored value through LMDB itself, past the log. */
const tamper = async (name: string, key: string | number, change: (bytes: Buffer) => Buffer | undefined): Promise<void> => {
  const root = open<Buffer, string | number>({ path: dir, maxDbs: 140, encoding: "binary", overlappingSync: false });
  const table = root.openDB<Buffer, string | number>({ name, encoding: "binary" });
  const stored = table.getBinary(key);
  if (stored === undefined) throw new Error(`There is no ${name}/${key}.`);
  const changed = change(Buffer.from(stored));
  await (changed === undefined ? table.remove(key) : table.put(key, changed));
  await root.close();
};

const flip = (at: (bytes: Buffer) => number) => (bytes: Buffer) => {
  const i = at(bytes);
  bytes.writeUInt8(bytes.readUInt8(i) ^ 0x10, i);
  return bytes;
};

const owner = (logs: Logs): Promise<Owned> =>
  new Promise((resolve) => {
    void logs.claim(async (owned) => {
      if (owned.partition === 0) resolve(owned);
      await owned.lost;
    });
  });

describe("a directory", () => {
  test("belongs to one opener: a second one is told who has it, and may have it afterwards", async () => {
    const first = await opened();
    await expect(opened()).rejects.toMatchObject({ code: "in-use", retryable: true });
    await expect(opened()).rejects.toThrow(`process ${process.pid}`);
    await first.close();
    await (await opened()).close();
  });

  test("belongs to one process", async () => {
    await using(await opened(), async () => {
      const script = `import { openLmdbLogs } from ${JSON.stringify(new URL("../../adapters/log-lmdb.ts", import.meta.url).href)};
        await openLmdbLogs({ dir: ${JSON.stringify(dir)}, partitions: 2 }).catch((error) => console.log(error.code));`;
      expect(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })).toBe("in-use\n");
    });
  });

  test("keeps the number of partitions it was created with", async () => {
    await (await opened()).close();
    for (const partitions of [1, 3]) {
      await expect(opened({ partitions })).rejects.toThrow("created with 2 partitions");
      await expect(opened({ partitions })).rejects.toMatchObject({ code: "bad-query", retryable: false });
    }
    await expect(opened({ partitions: 0 })).rejects.toThrow(RangeError);
  });
});

describe("a corrupt record", () => {
  /** Records 0..4 of facts and derived, one event each; memory and a base. */
  const written = async (): Promise<void> =>
    using(await opened(), async (logs) => {
      for (const n of [0, 1, 2, 3, 4]) {
        await logs.facts.append([frame(A, n, { receivedAt: 10 * n })]);
        await logs.derived.append([coverage(A, n)]);
      }
      await (await owner(logs)).commit({ out: [], next: EVENTS_PER_RECORD, checkpoint: [{ tenant: TENANT, camera: A, memory: "m" }] });
      await logs.putBase({ tenant: TENANT, camera: A, at: 5, partition: 0, position: 0, memory: "b" });
    });
  const idsFrom = async (logs: Logs, from: number): Promise<readonly string[]> =>
    (await eventsOf(logs.facts.read(0, from))).map((fact) => (fact.kind === "frame" ? fact.id : ""));

  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer | undefined])[] = [
    ["the first byte of its payload changed", flip(() => 40)],
    ["the last byte of its payload changed", flip((bytes) => bytes.length - 1)],
    ["a byte of its arrival changed", flip(() => 20)],
    ["a byte of its length changed", flip(() => 13)],
    ["a byte of its kind changed", flip(() => 4)],
    ["a byte of its checksum changed", flip(() => 33)],
    ["its end cut off", (bytes) => bytes.subarray(0, bytes.length - 3)],
    ["only a part of its header left", (bytes) => bytes.subarray(0, 12)],
    ["nothing left of it", () => undefined],
  ];
  for (const [name, damage] of damages) {
    test(`with ${name} is reported with its place and the remedy, and what stands before and behind it can be read`, async () => {
      await written();
      await tamper("facts/0", 2, damage);
      await using(await opened(), async (logs) => {
        const seen: string[] = [];
        const reading = (async () => {
          for await (const { events } of logs.facts.read(0, "start")) for (const e of events) seen.push((e as { id: string }).id);
        })();
        await expect(reading).rejects.toMatchObject({ code: "corrupt", retryable: false });
        await expect(reading).rejects.toThrow(`Record facts/0/2 in ${join(dir, "data.mdb")} is corrupt`);
        await expect(reading).rejects.toThrow('TALLYWIRE_SKIP_CORRUPT naming "facts/0/2"');
        expect(seen).toEqual(["0", "1"]);
        expect(await idsFrom(logs, 3 * EVENTS_PER_RECORD)).toEqual(["3", "4"]);
        expect(await logs.facts.append([frame(A, 5)])).toEqual([5 * EVENTS_PER_RECORD]);
      });
    });

    test(`with ${name} is passed over once it was set aside by name, and its bytes are kept`, async () => {
      await written();
      await tamper("facts/0", 2, damage);
      await using(await opened({ skipCorrupt: ["facts/0/2"] }), async (logs) => {
        expect(await idsFrom(logs, 0)).toEqual(["0", "1", "3", "4"]);
        const arrived = await eventsOf(logs.facts.read(0, { arrivedAt: 15 }));
        expect(arrived.map(({ receivedAt }) => receivedAt)).toEqual([30, 40]);
      });
      await using(await opened(), async (logs) => expect(await idsFrom(logs, 0)).toEqual(["0", "1", "3", "4"]));
      await (await opened({ skipCorrupt: ["facts/0/2"] })).close();
      let kept = 0;
      await tamper("aside", "facts/0/2", (bytes) => {
        kept = bytes.length;
        return bytes;
      });
      expect(kept).toBeGreaterThan(0);
    });
  }

  test("of the derived log, of memory and of the bases is reported and can be set aside too", async () => {
    await written();
    const root = open<Buffer, string>({ path: dir, maxDbs: 140, encoding: "binary", overlappingSync: false });
    const onlyKey = (name: string): string => {
      const [key] = [...root.openDB<Buffer, string>({ name, encoding: "binary" }).getKeys()];
      return key ?? "";
    };
    const memory = onlyKey("memory");
    const base = onlyKey("bases");
    await root.close();
    const last = flip((bytes) => bytes.length - 1);
    await tamper("derived/0", 3, last);
    await tamper("memory", memory, last);
    await tamper("bases", base, last);
    await using(await opened(), async (logs) => {
      await expect(batchesOf(logs.derived.read(0, "start"))).rejects.toThrow("Record derived/0/3");
      await expect((await owner(logs)).restore()).rejects.toThrow(`Record memory/${memory}`);
      await expect(logs.baseBefore({ tenant: TENANT, camera: A }, 10)).rejects.toThrow(`Record bases/${base}`);
    });
    const skipCorrupt = ["derived/0/3", `memory/${memory}`, `bases/${base}`];
    await using(await opened({ skipCorrupt }), async (logs) => {
      const left = await eventsOf(logs.derived.read(0, "start"));
      expect(left).toEqual([0, 1, 2, 4].map((n) => coverage(A, n)));
      expect(await (await owner(logs)).restore()).toEqual({ memory: [], at: EVENTS_PER_RECORD, next: EVENTS_PER_RECORD });
      expect(await logs.baseBefore({ tenant: TENANT, camera: A }, 10)).toBeUndefined();
    });
  });

  test("that is sound, or that is none of the log's, is not set aside", async () => {
    await written();
    await expect(opened({ skipCorrupt: ["facts/0/2"] })).rejects.toThrow("facts/0/2 is sound");
    for (const name of ["facts/0/5", "facts/2/0", "facts/0", "state/identity", "memory/nobody", ""]) {
      await expect(opened({ skipCorrupt: [name] })).rejects.toThrow(`"${name}" names no record of this log`);
    }
    await using(await opened(), async (logs) => expect(await idsFrom(logs, 0)).toEqual(["0", "1", "2", "3", "4"]));
  });
});

/** A small disk needs the right to mount one. */
const canMount = ((): boolean => {
  const at = mkdtempSync(join(tmpdir(), "tallywire-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tallywire", at], { stdio: "ignore" });
    execFileSync("umount", [at]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(at, { recursive: true });
  }
})();

describe.skipIf(!canMount)("a full disk", () => {
  test("is reported as such, keeps what was acknowledged and nothing of what was not, and is over once there is room", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {}); // lmdb prints the failed commit; we report it.
    const mounted = mkdtempSync(join(tmpdir(), "tallywire-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tallywire", mounted]);
    try {
      const logs = await openLmdbLogs({ dir: mounted, partitions: PARTITIONS });
      const acknowledged: number[] = [];
      let next = 0;
      const block = (): number[] => Array.from({ length: 500 }, () => next++);
      const fill = async (): Promise<never> => {
        for (;;) {
          const ns = block();
          await logs.facts.append(ns.map((n) => frame(A, n)));
          acknowledged.push(...ns);
        }
      };
      const outcome = fill();
      await expect(outcome).rejects.toMatchObject({ code: "full", retryable: true });
      await expect(outcome).rejects.toThrow(mounted);
      // A smaller block may still fit; then the disk is full again.
      await expect(fill()).rejects.toMatchObject({ code: "full" });
      const read = async (from: Logs): Promise<number[]> =>
        (await eventsOf(from.facts.read(0, "start"))).map((fact) => Number((fact as { id: string }).id));
      expect(acknowledged.length).toBeGreaterThan(1000);
      expect(await read(logs)).toEqual(acknowledged);

      execFileSync("mount", ["-o", "remount,size=16m", mounted]);
      const again = block();
      await logs.facts.append(again.map((n) => frame(A, n)));
      acknowledged.push(...again);
      await logs.close();
      const reopened = await openLmdbLogs({ dir: mounted, partitions: PARTITIONS });
      expect(await read(reopened)).toEqual(acknowledged);
      await reopened.close();
    } finally {
      execFileSync("umount", ["-l", mounted]);
      rmSync(mounted, { recursive: true });
      vi.restoreAllMocks();
    }
  });
});

describe("kill -9", () => {
  const KILLS = 5;
  test("takes nothing that was acknowledged, tears no block, and parts no commit; and the directory is free at once", async () => {
    const acknowledged = new Map<number, number>();
    let committed = 0;
    let from = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const writer = spawn(process.execPath, [join(import.meta.dirname, "log-writer.ts"), dir, String(from)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let lines = 0;
      for await (const line of createInterface({ input: writer.stdout })) {
        const said = JSON.parse(line) as { ns: number[]; positions: number[] } | { committed: number };
        if ("committed" in said) committed = said.committed;
        else for (const [i, n] of said.ns.entries()) acknowledged.set(n, said.positions[i] as number);
        if (++lines === 60 + 37 * kill) writer.kill("SIGKILL");
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
      expect(writer.signalCode).toBe("SIGKILL");

      await using(await opened(), async (logs) => {
        const batches = await batchesOf(logs.facts.read(0, "start"));
        const found = new Map(
          batches.flatMap(({ events, positions }) => events.map((e, i) => [Number((e as { id: string }).id), positions[i]])),
        );
        for (const [n, position] of acknowledged) expect(found.get(n)).toBe(position);
        // Appends are of 20: one that is there is there whole.
        expect(found.size % 20).toBe(0);
        from = Math.max(...found.keys()) + 1;

        const { memory, at, next } = await (await owner(logs)).restore();
        const n = next / EVENTS_PER_RECORD;
        expect(n).toBeGreaterThanOrEqual(committed);
        expect(at).toBe(next);
        expect(memory.map((saved) => saved.memory)).toEqual([n]);
        const derived = await eventsOf(logs.derived.read(0, "start"));
        expect(derived.map((event) => (event as { start: number }).start)).toEqual(Array.from({ length: n }, (_, i) => 100 * (i + 1)));
      });
    }
    expect(acknowledged.size).toBeGreaterThan(20 * KILLS);
    expect(committed).toBeGreaterThan(KILLS);
  }, 60_000);
});
