import { describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { betweenLogs } from "../../domain/between.ts";
import { AdapterError, type Archive, type Logs } from "../../domain/ports.ts";
import { retention } from "../../roles/retention.ts";
import { fakeClock } from "../support/fake-clock.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const BEGIN = Date.parse("2026-01-01T00:00:00.000Z");
const config = { FACTS_DAYS: 7, FACTS_BYTES: 1000 };
type Policy = Parameters<Logs["retain"]>[0];

/** Retention over logs whose drops go as told; what was asked of them, and what was said. */
const begun = (drop: (attempt: number) => number, archive?: Archive) => {
  const clock = fakeClock(BEGIN);
  const asked: Policy[] = [];
  const said: string[] = [];
  const say = (_: object, message: string): void => void said.push(message);
  const memory = openMemoryLogs({ partitions: 2 });
  const logs = betweenLogs(memory, {
    retain: async (policy) => {
      asked.push(policy);
      return drop(asked.length);
    },
  });
  const stopping = new AbortController();
  const journal = { debug: say, info: say, warn: say, error: say, fatal: say };
  const createPause = () => async () => undefined;
  const done = retention({ logs, archive, config, clock, journal, createPause, stop: stopping.signal }, (partition) => partition * 65_536);
  return { clock, asked, said, done, stop: () => stopping.abort() };
};

describe("retention", () => {
  it("asks a minute after the start and then every hour for what is older than its days, and holds back what no projector has passed", async () => {
    const { clock, asked, said, done, stop } = begun((attempt) => attempt - 1);
    await clock.pass(MINUTE_MS, MINUTE_MS);
    await clock.pass(HOUR_MS, HOUR_MS);
    stop();
    await done;
    const arrivedBefore = (ms: number) => BEGIN + ms - 7 * 24 * HOUR_MS;
    const looks = [MINUTE_MS, MINUTE_MS + HOUR_MS];
    expect(asked).toEqual(looks.map((ms) => ({ arrivedBefore: arrivedBefore(ms), maxBytes: 1000, keepFrom: [0, 65_536] })));
    expect(said).toEqual(["old facts dropped"]);
  });

  it("goes on where a drop fails for a while: a full disk must not end the server that would make room", async () => {
    const full = new AdapterError("full", "no room", { retryable: true });
    const { clock, asked, said, done, stop } = begun((attempt) => {
      if (attempt === 1) throw full;
      return 3;
    });
    await clock.pass(2 * HOUR_MS, HOUR_MS);
    stop();
    await done;
    expect(asked).toHaveLength(2);
    expect(said).toEqual(["old facts could not be dropped; it is tried again", "old facts dropped"]);
  });

  it("ends with what trying again cannot heal", async () => {
    const corrupt = new AdapterError("corrupt", "a record is broken", { retryable: false });
    const { clock, done } = begun(() => {
      throw corrupt;
    });
    const ended = expect(done).rejects.toBe(corrupt);
    await clock.pass(HOUR_MS, HOUR_MS);
    await ended;
  });

  it("archives first, and drops nothing that is not archived", async () => {
    const upTo = new Map([[1, 5]]);
    const taken: (readonly [number, number])[] = [];
    const archive: Archive = {
      upTo: (partition) => Promise.resolve(upTo.get(partition)),
      take: (_, partition, { to }) => {
        taken.push([partition, to]);
        return Promise.resolve(partition);
      },
      read: () => Promise.reject(new Error("nobody reads")) as never,
      baseBefore: () => Promise.reject(new Error("nobody reads")),
    };
    const { clock, asked, said, done, stop } = begun(() => 0, archive);
    await clock.pass(MINUTE_MS, MINUTE_MS);
    stop();
    await done;
    expect(taken).toEqual([
      [0, 0],
      [1, 65_536],
    ]);
    expect(asked.map(({ keepFrom }) => keepFrom)).toEqual([[0, 5]]);
    expect(said).toEqual(["facts archived"]);
  });

  it("drops nothing while the archive takes nothing, and goes on", async () => {
    const full = new AdapterError("full", "no room", { retryable: true });
    const archive = { upTo: () => Promise.resolve(7), take: () => Promise.reject(full) } as unknown as Archive;
    const { clock, asked, said, done, stop } = begun(() => 0, archive);
    await clock.pass(MINUTE_MS + HOUR_MS, MINUTE_MS);
    stop();
    await done;
    expect(asked.map(({ keepFrom }) => keepFrom)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(new Set(said)).toEqual(new Set(["facts could not be archived, and none is dropped; it is tried again"]));
  });
});
