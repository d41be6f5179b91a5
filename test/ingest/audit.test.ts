/** The audit of what is watched, and of jobs. Of what is changed: registry.test.ts. */
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { isRefusal } from "../../domain/decider.ts";
import { createStreams } from "../../domain/fold.ts";
import type { JobWish } from "../../domain/job.ts";
import { type JobCommand, jobDecider } from "../../domain/job-decider.ts";
import { playbackDecider } from "../../domain/playback.ts";
import { cameraStream, jobStream, playbackStream } from "../../domain/streams.ts";
import { createAudit } from "../../ingest/audit.ts";

const wish = { kind: "live", width: 0, height: 0, audio: false } as const;

const stage = () => {
  const store = openMemoryStore();
  const playbacks = createStreams({ store, revision: () => 0, clock: systemClock, ids: randomUUID }, playbackDecider);
  const watch = async (tenant: string, camera: string, by?: string): Promise<number> => {
    const after = await playbacks.decide(playbackStream(tenant), { type: "start", camera, wish, at: 1 }, by);
    if (isRefusal(after)) throw new Error(after.detail);
    return after.state.lastId;
  };
  const leave = (tenant: string, id: number) => playbacks.decide(playbackStream(tenant), { type: "stop", kind: "live", id, at: 2 }, "you");
  const change = (tenant: string, camera: string, by: string) =>
    store.append(cameraStream({ tenant, camera }), "any", [{ id: randomUUID(), type: "tested", data: { type: "tested" }, at: 1, by }]);
  /** What was read to answer: after which revision, and how many. */
  const read: [after: number, most: number][] = [];
  /** As a process knows it that was told of all there is. */
  const audit = async (tenant: string, camera?: string, before?: number, limit = 100) => {
    const { note, page } = createAudit({
      read: (stream, after = 0, most = 0) => {
        read.push([after, most]);
        return store.read(stream, after, most);
      },
    });
    const streams = [...["acme", "other"].map(playbackStream), cameraStream({ tenant: "acme", camera: "front" })];
    const heads = await Promise.all(streams.map((stream) => store.head(stream)));
    let left = heads.reduce((sum, head) => sum + head, 0);
    for await (const { events } of store.follow(0)) {
      for (const event of events) {
        note(event);
        // A repeat changes nothing.
        note(event);
      }
      left -= events.length;
      if (left === 0) break;
    }
    return page(tenant, { camera, before, limit });
  };
  return { watch, leave, change, audit, read };
};

describe("The audit", () => {
  it("says who watched what: that a playback began, of which camera and for whom, not how it ended", async () => {
    const { watch, leave, change, audit } = stage();
    await change("acme", "front", "me");
    const id = await watch("acme", "front", "you");
    await watch("acme", "back");
    await watch("other", "front", "them");
    await leave("acme", id);
    await change("acme", "front", "me");
    const all = await audit("acme");
    expect(all.map(({ number, by, type, camera }) => [number, by, type, camera])).toEqual([
      [4, "me", "tested", "front"],
      [3, undefined, "playback-started", "back"],
      [2, "you", "playback-started", "front"],
      [1, "me", "tested", "front"],
    ]);
    expect(all[2]?.data).toEqual({ type: "playback-started", playback: { ...wish, id, camera: "front", startedAt: 1 } });
    expect((await audit("acme", "front")).map(({ number }) => number)).toEqual([4, 2, 1]);
    expect((await audit("acme", "front", 4, 1)).map(({ number }) => number)).toEqual([2]);
    expect((await audit("other")).map(({ by, camera }) => [by, camera])).toEqual([["them", "front"]]);
  });

  it("goes on over the sums of a long stream", async () => {
    const { watch, leave, audit } = stage();
    const { every } = playbackDecider.sum as NonNullable<typeof playbackDecider.sum>;
    for (let i = 0; i < every; i++) await leave("acme", await watch("acme", i % 2 === 0 ? "front" : "back", `viewer ${i}`));
    const newest = await audit("acme", "front", undefined, 3);
    expect(newest.map(({ number, by, type }) => [number, by, type])).toEqual(
      [every - 2, every - 4, every - 6].map((i) => [i + 1, `viewer ${i}`, "playback-started"]),
    );
    expect(await audit("acme", undefined, undefined, 2 * every)).toHaveLength(every);
  });

  it("reads of a long stream what it shows and a little beside that", async () => {
    const { watch, audit, read } = stage();
    await watch("acme", "front", "the first");
    for (let i = 0; i < 40; i++) await watch("acme", "back");
    await watch("acme", "front", "the second");
    for (let i = 0; i < 8; i++) await watch("acme", "back");
    expect((await audit("acme", "front")).map(({ by }) => by)).toEqual(["the second", "the first"]);
    expect((await audit("acme", "front", undefined, 1)).map(({ by }) => by)).toEqual(["the second"]);
    expect(read).toEqual([
      [0, 42],
      [41, 1],
    ]);
  });

  it("says who had what done, whom it concerned and what became of it, not how it went meanwhile", async () => {
    const store = openMemoryStore();
    const jobs = createStreams({ store, revision: () => 0, clock: systemClock, ids: randomUUID }, jobDecider);
    const decide = (command: JobCommand, by?: string) => jobs.decide(jobStream("acme"), command, by);
    const wish: JobWish = { kind: "recompute", camera: "front", from: 1, to: 2, definitions: "now" };
    await decide({ type: "ask", id: "a", wish, by: "me", at: 1 }, "me");
    await decide({ type: "start", id: "a", owner: "p1", at: 2 });
    await decide({ type: "progress", id: "a", run: 1, done: 1, of: 2 });
    await decide({ type: "keep", id: "a", run: 1, where: 1, rows: 0 });
    await decide({ type: "ask", id: "b", wish: { kind: "archive", before: 1 }, by: undefined, at: 3 });
    await decide({ type: "cancel", id: "a", at: 4 }, "you");
    await decide({ type: "start", id: "b", owner: "p1", at: 5 });
    await decide({ type: "fail", id: "b", run: 1, reason: "there is no archive", at: 6 });
    const { note, page } = createAudit(store);
    for (const event of await store.read(jobStream("acme"))) note(event);
    const all = await page("acme", { camera: undefined, before: undefined, limit: 100 });
    expect(all.map(({ by, type, camera, data }) => [by, type, camera, (data as { id: string }).id])).toEqual([
      [undefined, "job-failed", undefined, "b"],
      ["you", "job-cancelled", undefined, "a"],
      [undefined, "job-requested", undefined, "b"],
      ["me", "job-requested", "front", "a"],
    ]);
    expect(await page("other", { camera: undefined, before: undefined, limit: 100 })).toEqual([]);
  });
});
