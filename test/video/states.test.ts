/** What is told of whether cameras are seen: over a fake of films, a fake of the warehouse and a fake clock. */
import { describe, expect, it } from "vitest";
import type { NotReceived } from "../../domain/door.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { tellStates } from "../../video/states.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { FakeMedia } from "../support/fake-media.ts";
import { journalOf } from "../support/playbacks.ts";

const NOW = 1_763_730_000_000;
const picture = { codec: "h264", width: 640, height: 360, fps: 10 } as const;

const stage = () => {
  const [clock, media, stop] = [fakeClock(NOW), new FakeMedia(), createStop()];
  const written: unknown[] = [];
  const lines: string[] = [];
  const door: { answer: (camera: string) => NotReceived | undefined } = { answer: () => undefined };
  let asked = 0;
  const frames: { newest: () => number | undefined } = { newest: () => undefined };
  const lastFrame = async () => frames.newest();
  const receiveState: Parameters<typeof tellStates>[0]["receiveState"] = async (key, state) => {
    asked += 1;
    const refused = door.answer(key.camera);
    if (refused !== undefined) return refused;
    written.push([key.camera, state]);
    return new Map();
  };
  const { done } = tellStates({ media, receiveState, lastFrame, clock, limits, journal: journalOf(lines), stop: stop.signal });
  const online = (camera: string, at = NOW) => media.tell({ tenant: "t1", camera, kind: "camera-online", at, ...picture });
  const offline = (camera: string, at = NOW) =>
    media.tell({ tenant: "t1", camera, kind: "camera-offline", at, failure: { reason: "ended", message: "it hung up" } });
  const unwatched = (camera: string) => media.tell({ tenant: "t1", camera, kind: "camera-unwatched", at: clock.now() });
  const seen = () =>
    (written as [string, { state: string; at: number }][]).map(([camera, { state, at }]) => `${camera} ${state} ${at - NOW}`);
  /** Without the instants. */
  const words = () => (written as [string, { state: string }][]).map(([camera, { state }]) => `${camera} ${state}`);
  return { clock, stop, done, door, frames, online, offline, unwatched, written, seen, words, lines, asked: () => asked };
};

describe("whether a camera is seen", () => {
  it("is told with its picture, or with why it is not", async () => {
    const { clock, online, offline, written } = stage();
    online("door");
    await clock.pass(250);
    offline("door", NOW + 250);
    await clock.pass(250);
    expect(written).toEqual([
      ["door", { at: NOW, state: "online", change: "video", reason: undefined, picture }],
      ["door", { at: NOW + 250, state: "offline", change: "video", reason: "it hung up" }],
    ]);
  });

  it("is told again until it is taken, in the order of each camera, and holds up no other", async () => {
    const { clock, online, offline, door, seen, words, lines } = stage();
    door.answer = (camera) => (camera === "door" ? { problem: "busy", detail: "later" } : undefined);
    online("door");
    offline("door", NOW + 1);
    online("gate");
    await clock.pass(20_000);
    expect(seen()).toEqual(["gate online 0"]);
    door.answer = () => undefined;
    await clock.pass(6000);
    expect([words(), lines]).toEqual([["gate online", "door online", "door offline"], []]);
  });

  it("is given up where it never will be taken, and that is said; what follows is told all the same", async () => {
    const { clock, online, offline, door, seen, lines } = stage();
    door.answer = () => ({ problem: "unreadable", detail: "an id" });
    online("door");
    await clock.pass(250);
    door.answer = () => undefined;
    offline("door", NOW + 250);
    await clock.pass(250);
    expect([seen(), lines.length]).toEqual([["door offline 250"], 1]);
  });

  it("is given up when all of it ends, and that is said", async () => {
    const { clock, online, door, stop, done, lines, written } = stage();
    door.answer = () => ({ problem: "unavailable", detail: "the log is away" });
    online("door");
    await clock.pass(1000);
    stop.stop();
    await done;
    expect([written, lines.length]).toEqual([[], 1]);
  });

  it("waits in no longer a line than may be: the newest of a camera stays, and what goes is said", async () => {
    const { clock, online, offline, door, seen, words, lines } = stage();
    door.answer = () => ({ problem: "busy", detail: "later" });
    for (let i = 0; i < limits.cameraStatesWaiting; i++) online("door", NOW + i);
    offline("door", NOW + limits.cameraStatesWaiting);
    online("gate");
    expect(lines).toHaveLength(2);
    door.answer = () => undefined;
    await clock.pass(6000);
    expect([seen().length, seen()[0], seen()[1], words().at(-1)]).toEqual([
      ...[limits.cameraStatesWaiting, "door online 0", "door online 2"],
      "door offline",
    ]);
  });
});

describe("a camera whose film is lost", () => {
  it("is there as long as frames of it come, gone when none do, there again when they do, and when its film is back", async () => {
    const { clock, frames, online, offline, words, written } = stage();
    online("door");
    await clock.pass(250);
    frames.newest = () => clock.now() - 1000;
    offline("door", NOW + 250);
    await clock.pass(60_000);
    expect(words()).toEqual(["door online"]);
    const last = clock.now();
    frames.newest = () => last;
    await clock.pass(limits.frameSpeaksMs + 2 * limits.filmJudgeMs);
    expect(words()).toEqual(["door online", "door offline"]);
    await clock.pass(60_000);
    frames.newest = () => clock.now();
    await clock.pass(limits.filmJudgeMs);
    expect(written.slice(1)).toEqual([
      ["door", { at: expect.any(Number), state: "offline", change: "video", reason: "it hung up" }],
      ["door", { at: expect.any(Number), state: "online", change: "video", reason: expect.stringContaining("frames") }],
    ]);
    const back = clock.now();
    online("door", back);
    await clock.pass(60_000);
    expect(written.slice(3)).toEqual([["door", { at: back, state: "online", change: "video", reason: undefined, picture }]]);
  });

  it("is told to be there by its frames where nothing was told of it yet, since an earlier life may have said otherwise", async () => {
    const { clock, frames, offline, words } = stage();
    frames.newest = () => clock.now();
    offline("door");
    await clock.pass(60_000);
    expect(words()).toEqual(["door online"]);
  });

  it("is there by frames that go on, though the clock of what sends them is slow", async () => {
    const { clock, frames, offline, words } = stage();
    frames.newest = () => clock.now() - 3_600_000;
    offline("door");
    await clock.pass(60_000);
    expect(words()).toEqual(["door online"]);
  });

  it("is not told of while nobody can say whether frames come, and that is said; then it is", async () => {
    const { clock, frames, offline, words, lines } = stage();
    frames.newest = () => {
      throw new AdapterError("unavailable", "the warehouse is away", { retryable: true });
    };
    offline("door");
    await clock.pass(30_000);
    expect([words(), lines]).toEqual([[], [expect.stringContaining("warn whether frames come")]]);
    frames.newest = () => undefined;
    await clock.pass(limits.filmJudgeMs);
    expect(words()).toEqual(["door offline"]);
  });

  it("is there as far as frames say when its film is not looked at any more", async () => {
    const { clock, offline, unwatched, written, online, words } = stage();
    offline("door");
    await clock.pass(10_000);
    unwatched("door");
    await clock.pass(60_000);
    expect(written).toEqual([
      ["door", { at: NOW, state: "offline", change: "video", reason: "it hung up" }],
      ["door", { at: NOW + 10_000, state: "online", change: "video", reason: expect.stringContaining("not looked at") }],
    ]);
    online("gate");
    unwatched("gate");
    await clock.pass(1000);
    expect(words().slice(2)).toEqual(["gate online"]);
  });

  it("is not called gone by what was asked before its film came back", async () => {
    const { clock, online, offline, words, frames } = stage();
    let isBack = false;
    frames.newest = () => {
      if (!isBack) online("door", clock.now());
      isBack = true;
      return undefined;
    };
    offline("door");
    await clock.pass(60_000);
    expect(words()).toEqual(["door online"]);
  });

  it("is looked at no more when all of it ends", async () => {
    const { clock, offline, stop, done, words } = stage();
    offline("door");
    await clock.pass(1000);
    stop.stop();
    await done;
    expect([words(), clock.sleepers]).toEqual([["door offline"], 0]);
  });

  it("that cannot be asked about for a reason of ours is a defect", async () => {
    const { frames, offline, done } = stage();
    frames.newest = () => {
      throw new Error("a defect");
    };
    offline("door");
    await expect(done).rejects.toThrow("a defect");
  });
});
