/** Facts sent again while retention moves the log's beginning. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openArchive } from "../../adapters/archive-files.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { limits } from "../../domain/limits.ts";
import type { Archive, Logs } from "../../domain/ports.ts";
import type { FactsTold } from "../../domain/replay.ts";
import { createStop } from "../../domain/stop.ts";
import { createFactReplay } from "../../roles/replay.ts";
import { driving, fakeClock, watched } from "../support/driven.ts";
import { BEGIN, framesOf, KEY } from "../support/passers-by.ts";

const DAY_MS = 86_400_000;
const DAYS = [0, 1, 2, 3];

describe("a replay of facts, while retention takes them out of the log", () => {
  let dir: string;
  let logs: Logs;
  let archive: Archive;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "tallywire-seam-"));
    logs = openMemoryLogs({ partitions: 1, factsPerBatch: 10 });
    archive = openArchive(dir, logs.facts.epoch);
    for (const day of DAYS) {
      const clock = fakeClock(BEGIN + day * DAY_MS + 60_000);
      await logs.facts.append(
        framesOf([], day * DAY_MS, day * DAY_MS + 2000).map((frame) => ({ ...frame, receivedAt: frame.timestamp + 50 })),
      );
      const { release } = await driving(watched(logs, clock), clock);
      await clock.pass(1000);
      await release();
    }
  });
  afterEach(async () => {
    await logs.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What arrived before that day is in the archive, and no longer in the log. */
  const cut = async (days: number): Promise<void> => {
    const arrivedBefore = BEGIN + days * DAY_MS;
    const { end: to } = await logs.facts.bounds(0);
    await archive.take(logs, 0, { to, arrivedBefore, pause: async () => {}, stop: createStop().signal });
    const upTo = await archive.upTo(0);
    const { start } = await logs.facts.bounds(0);
    await logs.retain({ arrivedBefore, maxBytes: Number.MAX_SAFE_INTEGER, keepFrom: [upTo as number] });
    expect((await logs.facts.bounds(0)).start).toBeGreaterThan(start);
  };
  /** How many frames of each day are told, where the log is cut when the first are. */
  const toldOf = async (kept: Archive | undefined, cutWhenBegun: number, follow = false): Promise<readonly number[]> => {
    const replay = createFactReplay({
      ...{ logs, archive: kept, limits },
      span: async () => undefined,
      settled: async () => true,
      createPause: () => async () => {},
    });
    const stop = createStop();
    const asked = { camera: KEY, from: undefined, to: undefined, since: undefined, states: false, follow, signal: stop.signal };
    const { lines } = (await replay.lines(asked)) as FactsTold;
    const days = DAYS.map(() => 0);
    let told = 0;
    for await (const piece of lines)
      for (const { at } of piece) {
        const day = Math.floor((at - BEGIN) / DAY_MS);
        days[day] = (days[day] as number) + 1;
        if (told++ === 0) await cut(cutWhenBegun);
        if (told === 10 * DAYS.length) stop.stop();
      }
    return days;
  };

  it.each([false, true])("goes on in the archive from where that had ended, and tells each once; followed: %s", async (follow) => {
    await cut(1.5);
    expect(await toldOf(archive, 2.9, follow)).toEqual([10, 10, 10, 10]);
  });

  it("goes on there where it had begun in the log", async () => {
    expect(await toldOf(archive, 2.9)).toEqual([10, 10, 10, 10]);
  });

  it("says where it goes on no more, where there is no archive", async () => {
    await expect(toldOf(undefined, 2.9)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/removed from the log before they were read, from position \d+ on/) as string,
    });
  });
});
