import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openArchive } from "../../adapters/archive-files.ts";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import type { CameraKey } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import { AdapterError, type Archive, type Batch, EVENTS_PER_RECORD, type Feed, type Logs, type Position } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const BEGIN = Date.parse("2026-01-01T12:00:00.000Z");
/** Neither may leave its folder, whatever it is called. */
const cameras = ["door", "../../etc", "ä/".repeat(100)] as const;
const keyOf = (camera: string): CameraKey => ({ tenant: "default", camera });

const frame = (camera: string, receivedAt: number, n: number): Fact => ({
  kind: "frame",
  ...keyOf(camera),
  receivedAt,
  timestamp: receivedAt - 40,
  id: `f${n}`,
  modelVersion: n % 2 === 0 ? undefined : "m1",
  objects: [
    {
      id: "18446744073709551615",
      type: "\ud800 lone",
      bbox: { leftX: 0.1, topY: 1e-7, rightX: 30, bottomY: 2 ** 53 },
      confidence: undefined,
      info: [["__proto__", "x"]],
    },
    { id: "", type: "Person", bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 }, confidence: 0.9, info: undefined },
  ],
});

let folder: string;
let logs: Logs;
let archive: Archive;
const stop = createStop().signal;
const pause = () => Promise.resolve();
const end = async (): Promise<Position> => (await logs.facts.bounds(0)).end;
const take = async (arrivedBefore: number, how: Partial<Parameters<Archive["take"]>[2]> = {}): Promise<number> =>
  archive.take(logs, 0, { to: await end(), arrivedBefore, pause, stop, ...how });

const all = async (feed: Feed<Fact>): Promise<readonly (readonly [Position, Fact])[]> => {
  const found: (readonly [Position, Fact])[] = [];
  for await (const { events, positions } of feed as AsyncIterable<Batch<Fact>>)
    for (const [i, event] of events.entries()) found.push([positions[i] as Position, event]);
  return found;
};
const inLog = async (camera: string): Promise<readonly (readonly [Position, Fact])[]> =>
  (await all(logs.facts.read(0, "start"))).filter(([, fact]) => fact.camera === camera);

/** Three days, a fact of each camera every hour. */
const fill = async (): Promise<void> => {
  for (let hour = 0; hour < 72; hour++) {
    const at = BEGIN + hour * 3_600_000;
    await logs.facts.append(cameras.map((camera, n) => frame(camera, at, hour * cameras.length + n)));
  }
};
const files = (): readonly string[] => readdirSync(join(folder, "archive"), { recursive: true }).map(String).sort();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tallywire-archive-"));
  logs = await openLmdbLogs({ dir: join(folder, "log"), partitions: 1, skipCorrupt: [] });
  archive = openArchive(join(folder, "archive"), logs.facts.epoch);
});
afterEach(async () => {
  await logs.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("an archive of files", () => {
  it("gives back every fact of a camera as the log does, in its order and at its positions", async () => {
    await fill();
    expect(await take(BEGIN + 10 * DAY_MS)).toBe(72 * cameras.length);
    expect(await archive.upTo(0)).toBe(await end());
    for (const camera of cameras) {
      const facts = await inLog(camera);
      expect(facts.length).toBe(72);
      expect(await all(archive.read(keyOf(camera), 0, await end()))).toEqual(facts);
    }
  });

  it("gives what lies between two positions, and nothing of a camera it does not know or of another log", async () => {
    await fill();
    await take(BEGIN + 10 * DAY_MS);
    const facts = await inLog("door");
    const [from, to] = [facts[20]?.[0] as Position, facts[60]?.[0] as Position];
    expect(await all(archive.read(keyOf("door"), from, to))).toEqual(facts.slice(20, 60));
    expect(await all(archive.read(keyOf("window"), 0, to))).toEqual([]);
    expect(await all(archive.read({ tenant: "other", camera: "door" }, 0, to))).toEqual([]);
    const other = openArchive(join(folder, "archive"), "another epoch");
    expect(await all(other.read(keyOf("door"), 0, to))).toEqual([]);
    expect(await other.upTo(0)).toBeUndefined();
  });

  it("takes whole days of arrival only, and goes on where it was", async () => {
    await fill();
    const midnight = Date.parse("2026-01-02T00:00:00.000Z");
    expect(await take(midnight - 1)).toBe(0);
    expect(await archive.upTo(0)).toBeUndefined();
    expect(await take(midnight)).toBe(12 * cameras.length);
    expect(await archive.upTo(0)).toBe(12 * EVENTS_PER_RECORD);
    expect(await take(midnight)).toBe(0);
    expect(await take(midnight + DAY_MS)).toBe(24 * cameras.length);
    expect(files().filter((name) => name.endsWith(".ndjson.gz")).length).toBe(2 * cameras.length);
    const facts = await inLog("door");
    expect(await all(archive.read(keyOf("door"), 0, await end()))).toEqual(facts.slice(0, 36));
  });

  it("is begun anew, and gives each fact once, where it was stopped or killed before it said how far it is", async () => {
    await fill();
    const stopping = createStop();
    const stopped = await take(BEGIN + 10 * DAY_MS, {
      stop: stopping.signal,
      pause: async () => {
        if ((await archive.upTo(0)) !== undefined) stopping.stop();
      },
    });
    expect(stopped).toBe(12 * cameras.length);
    const progress = join(folder, "archive", files().find((name) => name.endsWith("0.json")) as string);
    const before = readFileSync(progress);
    await take(BEGIN + 10 * DAY_MS);
    // As a kill leaves it: files are there that nobody knows of, and parts of some.
    writeFileSync(progress, before);
    for (const name of files().filter((one) => one.endsWith(".ndjson.gz")))
      writeFileSync(`${join(folder, "archive", name)}.part`, "cut off");
    await logs.facts.append([frame("door", BEGIN + 71.5 * 3_600_000, 999)]);
    await take(BEGIN + 10 * DAY_MS);
    expect(await all(archive.read(keyOf("door"), 0, await end()))).toEqual(await inLog("door"));
  });

  it("keeps the bases of its cameras, and gives the newest before a position", async () => {
    await fill();
    const facts = await inLog("door");
    const positions = [10, 30, 50].map((n) => facts[n]?.[0] as Position);
    for (const [n, position] of positions.entries())
      await logs.putBase({ ...keyOf("door"), at: BEGIN + n * DAY_MS, partition: 0, position, memory: { n } });
    await take(BEGIN + 10 * DAY_MS);
    const memoryAt = async (position: Position) => (await archive.baseBefore(keyOf("door"), position))?.memory;
    expect(await memoryAt((positions[0] as Position) - 1)).toBeUndefined();
    expect(await memoryAt(positions[0] as Position)).toEqual({ n: 0 });
    expect(await memoryAt((positions[2] as Position) - 1)).toEqual({ n: 1 });
    expect(await memoryAt(Number.MAX_SAFE_INTEGER)).toEqual({ n: 2 });
    expect(await archive.baseBefore(keyOf("../../etc"), Number.MAX_SAFE_INTEGER)).toBeUndefined();
  });

  it("names the file that is damaged, and the folder that cannot be written", async () => {
    await fill();
    await take(BEGIN + 10 * DAY_MS);
    const name = files().find((one) => one.includes("door") && one.endsWith(".ndjson.gz")) as string;
    const path = join(folder, "archive", name);
    const whole = readFileSync(path);
    const failure = async (bytes: Uint8Array): Promise<unknown> => {
      writeFileSync(path, bytes);
      return all(archive.read(keyOf("door"), 0, await end())).catch((error: unknown) => error);
    };
    for (const bytes of [whole.subarray(0, whole.length - 9), Buffer.from("no gzip"), Buffer.alloc(0)]) {
      const error = await failure(bytes);
      expect(error).toBeInstanceOf(AdapterError);
      expect(error).toMatchObject({
        code: "corrupt",
        retryable: false,
        message: expect.stringContaining(name.split("/").at(-1) as string),
      });
    }
    writeFileSync(join(folder, "taken"), "a file");
    const refused = openArchive(join(folder, "taken"), logs.facts.epoch);
    await expect(refused.take(logs, 0, { to: await end(), arrivedBefore: BEGIN + 10 * DAY_MS, pause, stop })).rejects.toMatchObject({
      code: "unavailable",
      retryable: true,
    });
  });

  it("can be read by whoever knows gzip and JSON", async () => {
    await fill();
    await take(BEGIN + 10 * DAY_MS);
    const name = files().find((one) => one.includes("door") && one.includes("2026-01-02")) as string;
    const [head, ...lines] = gunzipSync(readFileSync(join(folder, "archive", name)))
      .toString("utf8")
      .trimEnd()
      .split("\n");
    expect(JSON.parse(head as string)).toMatchObject({ schema: 1, tenant: "default", camera: "door", partition: 0 });
    expect(lines.length).toBe(24 + 1);
    expect(JSON.parse(lines.at(-1) as string)).toEqual({ facts: 24 });
    expect(JSON.parse(lines[0] as string)).toEqual([12 * EVENTS_PER_RECORD, expect.objectContaining({ kind: "frame", camera: "door" })]);
  });
});
