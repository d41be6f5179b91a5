/** Which cameras are recorded: over a fake of films and a fake clock. */
import { afterEach, describe, expect, it } from "vitest";
import { AdapterError } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { cameraStream, tenantStream } from "../../domain/streams.ts";
import { createRecorder } from "../../video/recorder.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { FakeMedia } from "../support/fake-media.ts";
import { gaugesOf, journalOf } from "../support/playbacks.ts";

const NOW = 1_763_730_000_000;
const away = new AdapterError("unavailable", "it is away", { retryable: true });
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const stage = () => {
  const [passing, media, stop] = [fakeClock(NOW), new FakeMedia(), createStop()];
  /** Milliseconds the clock was set by. */
  let setBy = 0;
  const clock = { ...passing, now: () => passing.now() + setBy };
  const cameras = new Map<string, { readonly url: string | undefined; readonly record: boolean } | Error>();
  const [lines, gauges]: [string[], Map<string, number>] = [[], new Map()];
  const recordedOf = async ({ camera }: { readonly camera: string }) => {
    const found = cameras.get(camera);
    if (found instanceof Error) throw found;
    return found;
  };
  const recorder = createRecorder({ media, recordedOf, clock, journal: journalOf(lines), meter: gaugesOf(gauges) });
  const running = recorder.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.stop();
    await running;
  };
  ends.push(end);
  const set = (ms: number): void => {
    setBy += ms;
  };
  const note = (stream: string) => recorder.note({ stream });
  const changed = (camera: string) => note(cameraStream({ tenant: "t1", camera }));
  const asked = () => media.asked.filter(([what]) => what !== "retain");
  return { clock, media, cameras, note, changed, asked, lines, gauges, set, end };
};

describe("a camera", () => {
  it("is recorded as it is now, however it came to be so, and what is on the disk of it is read once", async () => {
    const { clock, cameras, changed, asked, gauges, note } = stage();
    cameras.set("door", { url: "rtsp://door/", record: true });
    for (let i = 0; i < 5; i++) changed("door");
    note(tenantStream("t1"));
    await clock.pass(3000);
    expect(asked()).toEqual([
      ["record", "door", "rtsp://door/"],
      ["reconcile", "door"],
    ]);
    expect(gauges.get("tallywire_recordings running")).toBe(1);
    changed("door");
    await clock.pass(3000);
    cameras.set("door", { url: "rtsp://elsewhere/", record: true });
    changed("door");
    await clock.pass(3000);
    cameras.set("door", { url: "rtsp://elsewhere/", record: false });
    changed("door");
    await clock.pass(3000);
    expect(asked().slice(2)).toEqual([
      ["record", "door", "rtsp://elsewhere/"],
      ["record", "door", undefined],
    ]);
    expect(gauges.get("tallywire_recordings running")).toBe(0);
  });

  it("is not recorded where it has no address or was removed; what was recorded of it is known all the same", async () => {
    const { clock, cameras, changed, asked, media } = stage();
    cameras.set("bare", { url: undefined, record: true }).set("past", { url: "rtsp://past/", record: false });
    for (const camera of ["bare", "past", "gone"]) changed(camera);
    await clock.pass(3000);
    expect(asked()).toEqual([
      ["reconcile", "bare"],
      ["reconcile", "past"],
      ["reconcile", "gone"],
    ]);
    cameras.set("past", { url: "rtsp://past/", record: true });
    changed("past");
    await clock.pass(3000);
    cameras.delete("past");
    changed("past");
    await clock.pass(3000);
    expect([asked().slice(3), media.recordings.size]).toEqual([
      [
        ["record", "past", "rtsp://past/"],
        ["record", "past", undefined],
      ],
      0,
    ]);
  });

  it("whose address no key opens is not recorded any more, and that is said", async () => {
    const { clock, cameras, changed, media, lines } = stage();
    cameras.set("door", { url: "rtsp://door/", record: true });
    changed("door");
    await clock.pass(3000);
    cameras.set("door", new AdapterError("corrupt", "no key", { retryable: false }));
    changed("door");
    await clock.pass(3000);
    expect([media.recordings.size, lines.filter((line) => line.startsWith("error"))]).toEqual([0, [expect.stringContaining("address")]]);
  });

  it("is looked at again where that could not be done, and others are not held up", async () => {
    const { clock, cameras, changed, media, asked } = stage();
    cameras.set("door", away).set("gate", { url: "rtsp://gate/", record: true }).set("yard", { url: "rtsp://yard/", record: true });
    media.faults.push({ of: "reconcile", error: away });
    for (const camera of ["door", "gate", "yard"]) changed(camera);
    await clock.pass(3000);
    expect([...media.recordings.keys()]).toEqual(["gate", "yard"]);
    cameras.set("door", { url: "rtsp://door/", record: true });
    media.faults.push({ of: "record", error: away });
    await clock.pass(20_000);
    expect([...media.recordings.keys()].sort()).toEqual(["door", "gate", "yard"]);
    const read = asked().filter(([what]) => what === "reconcile");
    expect(read.map(([, camera]) => camera).sort()).toEqual(["door", "gate", "gate", "yard"]);
  });

  it("is recorded from the first moment on, while what the disk has of all of them is read one after the other", async () => {
    const { clock, cameras, changed, media, end } = stage();
    const reading: { readonly camera: string; done(): void }[] = [];
    media.reconcile = ({ camera }) => new Promise((done) => reading.push({ camera, done }));
    for (const camera of ["door", "gate"]) {
      cameras.set(camera, { url: `rtsp://${camera}/`, record: true });
      changed(camera);
    }
    await clock.pass(3000);
    expect([[...media.recordings.keys()], reading.map(({ camera }) => camera)]).toEqual([["door", "gate"], ["door"]]);
    // Nothing is removed from what is being read.
    await clock.pass(400_000, 5000);
    expect(media.asked.filter(([what]) => what === "retain")).toEqual([]);
    reading[0]?.done();
    await clock.pass(2000);
    expect(reading.map(({ camera }) => camera)).toEqual(["door", "gate"]);
    expect(media.asked.filter(([what]) => what === "retain")).toHaveLength(1);
    reading[1]?.done();
    await end();
  });

  it("is looked at although the clock is set back, at once and again", async () => {
    const { clock, cameras, changed, media, set } = stage();
    cameras.set("door", { url: "rtsp://door/", record: true }).set("gate", away);
    changed("door");
    changed("gate");
    set(-3_600_000);
    await clock.pass(2000);
    expect([...media.recordings.keys()]).toEqual(["door"]);
    set(-3_600_000);
    cameras.set("gate", { url: "rtsp://gate/", record: true });
    await clock.pass(8000);
    expect([...media.recordings.keys()]).toEqual(["door", "gate"]);
  });

  it("is not recorded any more once it is told to end, and the reading of the disk is ended too", async () => {
    const { clock, cameras, changed, media, end } = stage();
    const reading: string[] = [];
    media.reconcile = ({ camera }, _, stop) => {
      reading.push(camera);
      return new Promise((resolve) => stop?.addEventListener("abort", () => resolve(), { once: true }));
    };
    let found: (camera: { url: string; record: boolean }) => void = () => undefined;
    cameras.set("door", { url: "rtsp://door/", record: true }).set("gate", { url: "rtsp://gate/", record: true });
    cameras.get = (camera) =>
      (camera === "yard" ? new Promise((resolve) => (found = resolve)) : { url: `rtsp://${camera}/`, record: true }) as never;
    for (const camera of ["door", "gate", "yard"]) changed(camera);
    await clock.pass(3000);
    const ended = end();
    found({ url: "rtsp://yard/", record: true });
    await ended;
    expect([reading, [...media.recordings.keys()]]).toEqual([["door"], ["door", "gate"]]);
  });
});

describe("what is too old", () => {
  it("is removed time and again, also after that could not be done", async () => {
    const { clock, media, lines } = stage();
    media.faults.push({ of: "retain", error: away });
    await clock.pass(700_000, 5000);
    expect(media.asked).toEqual([
      ["retain", NOW + 300_000],
      ["retain", NOW + 600_000],
    ]);
    expect(lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
  });
});
