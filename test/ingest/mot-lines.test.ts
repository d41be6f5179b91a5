import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Box, DetectedObject, Frame } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { parseMot } from "../../ingest/formats/mot.ts";
import { MotWriter } from "../../ingest/formats/mot-lines.ts";
import { framesOfRows } from "../../ingest/formats/rows.ts";
import { isRejection } from "../../ingest/normalise.ts";

const BEGIN = Date.UTC(2026, 0, 5, 8);
const frame = (ms: number, objects: readonly DetectedObject[], own: Partial<Frame> = {}): Frame => ({
  kind: "frame",
  tenant: "default",
  camera: "lane",
  receivedAt: BEGIN,
  timestamp: BEGIN + ms,
  id: `f${ms}`,
  modelVersion: undefined,
  objects,
  ...own,
});
const object = (own: Partial<DetectedObject> = {}): DetectedObject => ({
  id: "1",
  type: "Person",
  bbox: { leftX: 0, topY: 0, rightX: 10, bottomY: 20 },
  confidence: 0.5,
  info: undefined,
  ...own,
});

/** What the reader makes of the lines, with what the writer says it is to be read with. */
const read = async (lines: string, fps: number, { start = BEGIN, type = "Person" }: MotWriter) => {
  const clock = { sensorId: "lane", fps, start, type };
  const rows = lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line, i) => ({ line: i + 1, row: parseMot(line, clock, { now: BEGIN + 86_400_000, limits }) }));
  const frames = [];
  for await (const { frame } of framesOfRows(rows)) {
    if (isRejection(frame)) throw new Error(JSON.stringify(frame));
    frames.push({ timestamp: frame.timestamp, objects: frame.objects });
  }
  return frames;
};
const written = (frames: readonly Frame[], fps: number, start?: number): { readonly text: string; readonly writer: MotWriter } => {
  const writer = new MotWriter(fps, start);
  const texts = frames.map((one) => writer.write(one));
  for (const text of texts) if (typeof text !== "string") throw new Error(text.notMot);
  return { text: texts.join(""), writer };
};

describe("frames as MOT text", () => {
  const px = fc.double({ min: 0, max: 4000, noNaN: true });
  const objects = fc.record({
    id: fc.oneof(fc.nat().map(String), fc.constant("")),
    type: fc.constantFrom("Person", "Car", "Pedestrian", "Crowd"),
    bbox: fc
      .tuple(px, px, px, px)
      .map(([a, b, c, d]) => ({ leftX: Math.min(a, b), rightX: Math.max(a, b), topY: Math.min(c, d), bottomY: Math.max(c, d) })),
    confidence: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    info: fc.option(
      fc.double({ min: 0, max: 1, noNaN: true }).map((seen) => [["visibility", String(seen)]] as const),
      { nil: undefined },
    ),
  });

  /** The box that was read, where its right and lower edges are not another number than the one beside. */
  const near = (box: Box, found: Box | undefined): Box => {
    const isNear = (a: number, b = Number.NaN): boolean => Math.abs(a - b) <= Number.EPSILON * a;
    return found !== undefined && isNear(box.rightX, found.rightX) && isNear(box.bottomY, found.bottomY)
      ? { ...box, rightX: found.rightX, bottomY: found.bottomY }
      : box;
  };

  it("are read back the same but for the last bit of an edge: instants, ids, types, boxes, confidences and visibility", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.array(objects, { maxLength: 4 })), { maxLength: 8 }),
        async (steps) => {
          const times = steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, [step]) => sum + step, 0));
          const frames = steps.map(([, some], i) => frame(times[i] as number, some));
          const { text, writer } = written(frames, 1000);
          const seen = frames.filter((one) => one.objects.length > 0);
          told += seen.length;
          const back = await read(text, 1000, writer);
          expect(back).toEqual(
            seen.map(({ timestamp, objects: some }, i) => ({
              timestamp,
              objects: some.map((one, n) => ({ ...one, bbox: near(one.bbox, back[i]?.objects[n]?.bbox) })),
            })),
          );
        },
      ),
      { numRuns: 200, seed: 5 },
    );
    expect(told).toBeGreaterThan(300);
  });

  it("have the numbers of a recording at its own rate, counted from where it began", async () => {
    const frames = Array.from({ length: 100 }, (_, i) => frame(Math.round((i * 1000) / 30), [object()]));
    const { text, writer } = written(frames, 30, BEGIN);
    expect(
      text
        .split("\n")
        .map((line) => Number.parseInt(line, 10))
        .slice(0, 100),
    ).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect((await read(text, 30, writer)).map(({ timestamp }) => timestamp)).toEqual(frames.map(({ timestamp }) => timestamp));
  });

  it("leave out repeats and what came late, and count the late", () => {
    const { text, writer } = written([frame(40, [object()]), frame(40, [object()]), frame(20, [object()]), frame(80, [])], 1000);
    expect([text, writer.late, writer.start]).toEqual(["1,1,0,0,10,20,0.5,-1,-1\n", 1, BEGIN + 40]);
  });

  it.each([
    ["an id that is no whole number", [frame(0, [object({ id: "p7" })])], "has an object of the id p7"],
    ["an id that is read as none", [frame(0, [object({ id: "18446744073709551615" })])], "has an object of the id 1844"],
    [
      "two types without a class",
      [frame(0, [object(), object({ type: "Forklift" })])],
      "has objects of the type Forklift, others of Person",
    ],
    [
      "two frames of one instant",
      [frame(0, [object()]), frame(0, [object()], { id: "other" })],
      "stands beside another of the same instant",
    ],
  ])("are refused for %s, naming the frame", (_, frames, why) => {
    expect(() => written(frames, 1000)).toThrow(why);
    expect(() => written(frames, 1000)).toThrow("The frame of 2026-01-05T08:00:00.000Z ");
  });

  it("are refused between two frames of the rate", () => {
    expect(() => written([frame(0, [object()]), frame(7, [object()])], 25)).toThrow("stands between two frames of 25 a second");
    expect(() => written([frame(0, [object()])], 1000, BEGIN + 1)).toThrow("stands between two frames");
  });
});
