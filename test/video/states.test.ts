/** What is told of whether cameras are seen: over a fake of films and a fake clock. */
import { describe, expect, it } from "vitest";
import type { NotReceived } from "../../domain/door.ts";
import { limits } from "../../domain/limits.ts";
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
  const receiveState: Parameters<typeof tellStates>[0]["receiveState"] = async (key, state) => {
    asked += 1;
    const refused = door.answer(key.camera);
    if (refused !== undefined) return refused;
    written.push([key.camera, state]);
    return new Map();
  };
  const { done } = tellStates({ media, receiveState, clock, journal: journalOf(lines), stop: stop.signal });
  const online = (camera: string, at = NOW) => media.tell({ tenant: "t1", camera, kind: "camera-online", at, ...picture });
  const offline = (camera: string, at = NOW) =>
    media.tell({ tenant: "t1", camera, kind: "camera-offline", at, failure: { reason: "ended", message: "it hung up" } });
  const seen = () =>
    (written as [string, { state: string; at: number }][]).map(([camera, { state, at }]) => `${camera} ${state} ${at - NOW}`);
  return { clock, stop, done, door, online, offline, written, seen, lines, asked: () => asked };
};

describe("whether a camera is seen", () => {
  it("is told with its picture, or with why it is not", async () => {
    const { clock, online, offline, written } = stage();
    online("door");
    offline("door", NOW + 5);
    await clock.pass(250);
    expect(written).toEqual([
      ["door", { at: NOW, state: "online", change: "video", reason: undefined, picture }],
      ["door", { at: NOW + 5, state: "offline", change: "video", reason: "it hung up" }],
    ]);
  });

  it("is told again until it is taken, in the order of each camera, and holds up no other", async () => {
    const { clock, online, offline, door, seen, lines } = stage();
    door.answer = (camera) => (camera === "door" ? { problem: "busy", detail: "later" } : undefined);
    online("door");
    offline("door", NOW + 1);
    online("gate");
    await clock.pass(20_000);
    expect(seen()).toEqual(["gate online 0"]);
    door.answer = () => undefined;
    await clock.pass(6000);
    expect([seen(), lines]).toEqual([["gate online 0", "door online 0", "door offline 1"], []]);
  });

  it("is given up where it never will be taken, and that is said; what follows is told all the same", async () => {
    const { clock, online, offline, door, seen, lines } = stage();
    door.answer = () => ({ problem: "unreadable", detail: "an id" });
    online("door");
    await clock.pass(250);
    door.answer = () => undefined;
    offline("door", NOW + 1);
    await clock.pass(250);
    expect([seen(), lines.length]).toEqual([["door offline 1"], 1]);
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
    const { clock, online, offline, door, seen, lines } = stage();
    door.answer = () => ({ problem: "busy", detail: "later" });
    for (let i = 0; i < limits.cameraStatesWaiting; i++) online("door", NOW + i);
    offline("door", NOW + limits.cameraStatesWaiting);
    online("gate");
    expect(lines).toHaveLength(2);
    door.answer = () => undefined;
    await clock.pass(6000);
    expect([seen().length, seen()[0], seen()[1], seen().at(-1)]).toEqual([
      ...[limits.cameraStatesWaiting, "door online 0", "door online 2"],
      `door offline ${limits.cameraStatesWaiting}`,
    ]);
  });
});
