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
  const [clock, media, stop] = [fakeClock(NOW), new FakeMedia(), createStop()];
  const cameras = new Map<string, { readonly url: string | undefined; readonly record: boolean } | Error>();
  const [lines, gauges]: [string[], Map<string, number>] = [[], new Map()];
  const recordedOf = async ({ camera }: { readonly camera: string }) => {
    const found = cameras.get(camera);
    if (found instanceof Error) throw found;
    return found;
  };
  const recorder = createRecorder({ media, recordedOf, clock, journal: journalOf(lines), meter: gaugesOf(gauges) });
  const running = recorder.run(stop.signal);
  ends.push(async () => {
    stop.stop();
    await running;
  });
  const note = (stream: string) => recorder.note({ stream, revision: 1, id: "1", type: "tested", data: {}, at: NOW });
  const changed = (camera: string) => note(cameraStream({ tenant: "t1", camera }));
  const asked = () => media.asked.filter(([what]) => what !== "retain");
  return { clock, media, cameras, note, changed, asked, lines, gauges };
};

describe("a camera", () => {
  it("is recorded as it is now, however it came to be so, after what is on the disk of it was looked at once", async () => {
    const { clock, cameras, changed, asked, gauges, note } = stage();
    cameras.set("door", { url: "rtsp://door/", record: true });
    for (let i = 0; i < 5; i++) changed("door");
    note(tenantStream("t1"));
    await clock.pass(3000);
    expect(asked()).toEqual([
      ["reconcile", "door"],
      ["record", "door", "rtsp://door/"],
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

  it("is not recorded where it has no address or was removed; what was recorded of one that is there is known", async () => {
    const { clock, cameras, changed, asked, media } = stage();
    cameras.set("bare", { url: undefined, record: true }).set("past", { url: "rtsp://past/", record: false });
    for (const camera of ["bare", "past", "gone"]) changed(camera);
    await clock.pass(3000);
    expect(asked()).toEqual([
      ["reconcile", "bare"],
      ["reconcile", "past"],
    ]);
    cameras.set("past", { url: "rtsp://past/", record: true });
    changed("past");
    await clock.pass(3000);
    cameras.delete("past");
    changed("past");
    await clock.pass(3000);
    expect([asked().slice(2), media.recordings.size]).toEqual([
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
    const { clock, cameras, changed, media } = stage();
    cameras.set("door", away).set("gate", { url: "rtsp://gate/", record: true }).set("yard", { url: "rtsp://yard/", record: true });
    media.faults.push({ of: "reconcile", error: away });
    for (const camera of ["door", "gate", "yard"]) changed(camera);
    await clock.pass(3000);
    expect([...media.recordings.keys()]).toEqual(["yard"]);
    cameras.set("door", { url: "rtsp://door/", record: true });
    media.faults.push({ of: "record", error: away });
    await clock.pass(20_000);
    expect([...media.recordings.keys()].sort()).toEqual(["door", "gate", "yard"]);
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
