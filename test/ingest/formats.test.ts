import { create, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import type { DetectedObject } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { parseFrame } from "../../ingest/body.ts";
import { readLine } from "../../ingest/formats/deepstream.ts";
import { parseMeva } from "../../ingest/formats/meva.ts";
import { parseMot } from "../../ingest/formats/mot.ts";
import { NvFrameSchema } from "../../ingest/formats/nv-protobuf.ts";
import { parseOpendatacam } from "../../ingest/formats/opendatacam.ts";
import { framesOfRows } from "../../ingest/formats/rows.ts";
import { wireOf } from "../../ingest/formats/wire.ts";
import { isRejection, type Observed } from "../../ingest/normalise.ts";
import { frame, NOW, openDoor, received } from "../support/frames.ts";

const context = { now: NOW, limits };
const start = Date.UTC(2026, 0, 1);
const bbox = (leftX: number, topY: number, rightX: number, bottomY: number) => ({ leftX, topY, rightX, bottomY });

describe("a line of DeepStream's minimal schema", () => {
  it.each<[what: string, line: string, object: Partial<DetectedObject>]>([
    [
      "of a vehicle",
      "957|1834.5|150|1918|215|Vehicle|#|sedan|Bugatti|M|blue|CA 444|California|0.8",
      {
        id: "957",
        type: "Vehicle",
        bbox: bbox(1834.5, 150, 1918, 215),
        confidence: 0.8,
        info: [
          ["type", "sedan"],
          ["make", "Bugatti"],
          ["model", "M"],
          ["color", "blue"],
          ["license", "CA 444"],
          ["region", "California"],
        ],
      },
    ],
    [
      "of a person",
      "7|1|2|3|4|Person|#|male|45|black|none|formal|0.5",
      {
        info: [
          ["gender", "male"],
          ["age", "45"],
          ["hair", "black"],
          ["cap", "none"],
          ["apparel", "formal"],
        ],
        confidence: 0.5,
      },
    ],
    [
      "with spaces round the bars",
      " 7 | 1 | 2 | 3 | 4 | Person | # | | | | | | | 0.25 ",
      { id: "7", type: "Person", confidence: 0.25, info: undefined },
    ],
    ["of another type, its attributes numbered", "7|1|2|3|4|Bag|#|red||0.5", { info: [["attribute1", "red"]], confidence: 0.5 }],
    ["without a confidence", "7|1|2|3|4|Person|#|||||||", { confidence: undefined, info: undefined }],
    ["with attributes and no confidence", "7|1|2|3|4|Vehicle|#|sedan|Bugatti|M|blue|CA|Texas|", { confidence: undefined }],
    ["with a negative one", "7|1|2|3|4|Vehicle|#|sedan|-0.1", { confidence: undefined, info: [["type", "sedan"]] }],
    ["without a section", "7|1|2|3|4|Person", { id: "7", confidence: undefined }],
    ["without a section, with a confidence", "7|1|2|3|4|Person|0.75", { confidence: 0.75 }],
    [
      "with further sections",
      "o-7|10|20|30|40|Person|#|||||||0.75|#|pose3D|head,1,2|neck,3|#|embedding|1,2,3",
      {
        id: "o-7",
        confidence: 0.75,
        info: [
          ["pose3D", "head,1,2|neck,3"],
          ["embedding", "1,2,3"],
        ],
      },
    ],
    ["with a section too long to keep", `7|1|2|3|4|Person|#|0.5|#|embedding|${"1,".repeat(3000)}`, { confidence: 0.5, info: undefined }],
    ["of nothing tracked", "18446744073709551615|1|2|3|4|Person|#|||||||0.9", { id: "" }],
    ["of a negative id", "-958754206|1047.28|524.645|1117.6|586.751|Vehicle|#|||||||0", { id: "", confidence: 0 }],
    ["with a 64-bit id", "8331898984908335089|1|2|3|4|Person|#|0.5", { id: "8331898984908335089" }],
  ])("%s", (_, line, object) => {
    expect(readLine(line, limits)).toMatchObject(object);
  });

  it.each([
    ["too few fields", "7|1|2|3|4", "must be trackingId"],
    ["too many before the section", "7|1|2|3|4|Person|5|6|#|0.5", "8 fields"],
    ["a coordinate that is no number", "7|a|2|3|4|Person|#|0.5", "must be numbers"],
    ["an empty coordinate", "7||2|3|4|Person|#|0.5", "must be numbers"],
    ["NaN", "7|nan|2|3|4|Person|#|0.5", "not finite"],
    ["an infinite coordinate", "7|1|2|inf|4|Person|#|0.5", "not finite"],
    ["an inverted box", "7|3|2|1|4|Person|#|0.5", "inverted"],
    ["no type", "7|1|2|3|4||#|0.5", "must not be empty"],
    ["a number", 7, "must be text"],
  ])("is refused with %s", (_, line, why) => {
    const read = readLine(line, limits);
    expect(isRejection(read) && read.detail).toContain(why);
  });

  it("comes in frames with a numeric id and `@timestamp`, and a bad line is named", async () => {
    const ours = {
      version: "4.0",
      id: 1440,
      "@timestamp": "2026-01-01T11:59:59.075262000Z",
      sensorId: "0",
      objects: ["143|855.7|285|1023.05|359|car|#|||||||0.96"],
    };
    expect(parseFrame(ours, context)).toEqual({
      sensorId: "0",
      timestamp: Date.UTC(2026, 0, 1, 11, 59, 59, 75),
      id: "1440",
      modelVersion: undefined,
      objects: [{ id: "143", type: "car", bbox: bbox(855.7, 285, 1023.05, 359), confidence: 0.96, info: undefined }],
    });
    expect(parseFrame({ ...ours, objects: [...ours.objects, "1|2"] }, context)).toMatchObject({ field: "objects[1]", reason: "object" });
    expect(parseFrame({ ...ours, "@timestamp": "2026-01-01" }, context)).toMatchObject({ field: "@timestamp", reason: "timestamp" });
  });
});

describe("the canonical JSON of nv.Frame", () => {
  it("writes floats as text, leaves out what is zero, and null is the default", () => {
    const objects = [{ id: "1", type: "Person", bbox: { leftX: "1.5", rightX: 20, bottomY: "3e1" }, confidence: "0.5", info: { a: "b" } }];
    expect(parseFrame({ ...frame(), version: "4.0", objects }, context)).toMatchObject({
      objects: [{ bbox: bbox(1.5, 0, 20, 30), confidence: 0.5, info: [["a", "b"]] }],
    });
    expect(parseFrame({ ...frame(), objects: [{ id: null, type: "P", bbox: {}, info: null }] }, context)).toMatchObject({
      objects: [{ id: "", bbox: bbox(0, 0, 0, 0), confidence: undefined, info: undefined }],
    });
    expect(parseFrame({ ...frame(), objects: undefined, id: null }, context)).toMatchObject({ id: "", objects: [] });
  });

  it("a coordinate that is null, as JavaScript writes NaN, is refused", () => {
    const objects = [{ id: "1", type: "P", bbox: { leftX: 1, topY: null, rightX: 2, bottomY: 3 } }];
    expect(parseFrame({ ...frame(), objects }, context)).toMatchObject({
      field: "objects[0].bbox.topY",
      detail: expect.stringContaining("null"),
    });
  });

  it.each(["NaN", "Infinity", "-Infinity"])("a box with %s is refused", (leftX) => {
    expect(
      parseFrame({ ...frame(), objects: [{ id: "1", type: "P", bbox: { leftX, topY: 0, rightX: 1, bottomY: 1 } }] }, context),
    ).toMatchObject({
      reason: "box",
      field: "objects[0].bbox",
      detail: "is not finite",
    });
  });
});

describe("nv.Frame as protobuf", () => {
  const message = (over: object = {}) =>
    create(NvFrameSchema, {
      version: "4.0",
      id: "f1",
      sensorId: "cam-1",
      timestamp: { seconds: BigInt(NOW / 1000 - 1), nanos: 999_999_999 },
      objects: [
        {
          id: "8331898984908335089",
          type: "Person",
          bbox: { leftX: 1.5, topY: 2, rightX: 3, bottomY: 4 },
          confidence: 0.5,
          info: { colour: "y" },
        },
      ],
      ...over,
    } as never);
  const send = async (body: Uint8Array) => {
    const door = openDoor();
    const answer = await door.send({ contentType: "application/x-protobuf", encoding: undefined, body });
    return { answer, facts: await door.facts() };
  };
  const stream = (...messages: object[]): Uint8Array =>
    Buffer.concat(messages.map((one) => sizeDelimitedEncode(NvFrameSchema, one as never)));

  it("is read field by field, its nanoseconds cut to milliseconds", async () => {
    const { facts } = await send(stream(message()));
    expect(facts).toMatchObject([
      {
        camera: "cam-1",
        id: "f1",
        timestamp: NOW - 1,
        objects: [{ id: "8331898984908335089", type: "Person", bbox: bbox(1.5, 2, 3, 4), confidence: 0.5, info: [["colour", "y"]] }],
      },
    ]);
  });

  it("has the bytes of the published schema", () => {
    // sensorId is field 4, length-delimited: 0x22; version field 1: 0x0a.
    const bytes = toBinary(NvFrameSchema, create(NvFrameSchema, { version: "4", sensorId: "a" } as never));
    expect([...bytes]).toEqual([0x0a, 1, 0x34, 0x22, 1, 0x61]);
    const object = create(NvFrameSchema, { objects: [{ confidence: 1, bbox: { bottomY: 1 }, info: { k: "v" } }] } as never);
    expect([...toBinary(NvFrameSchema, object)]).toEqual([
      0x2a, 0x14, 0x12, 5, 0x25, 0, 0, 0x80, 0x3f, 0x25, 0, 0, 0x80, 0x3f, 0x2a, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76,
    ]);
  });

  it("knows no confidence of zero", async () => {
    const { facts } = await send(stream(message({ objects: [{ id: "1", type: "P", bbox: {} }] })));
    expect(facts).toMatchObject([{ objects: [{ confidence: undefined, bbox: bbox(0, 0, 0, 0) }] }]);
  });

  it.each([
    ["no timestamp", { timestamp: undefined }, "timestamp: is missing"],
    ["an impossible timestamp", { timestamp: { seconds: 0n, nanos: -1 } }, "timestamp: names no real date or time"],
    ["a timestamp before 1970", { timestamp: { seconds: -1n, nanos: 0 } }, "timestamp: is before 1970"],
    ["a timestamp far ahead", { timestamp: { seconds: BigInt(NOW / 1000 + 11), nanos: 0 } }, "timestamp: is 11000 ms ahead"],
    ["no sensor", { sensorId: "" }, "sensorId: must not be empty"],
    ["no box", { objects: [{ id: "1", type: "P" }] }, "objects[0].bbox: is missing"],
    ["a NaN box", { objects: [{ id: "1", type: "P", bbox: { leftX: Number.NaN } }] }, "objects[0].bbox: is not finite"],
    ["no type", { objects: [{ id: "1", bbox: {} }] }, "objects[0].type: must not be empty"],
  ])("is refused alone with %s", async (_, over, why) => {
    const { answer } = await send(stream(message(), message(over), message({ id: "f3" })));
    expect(received(answer)).toMatchObject({ accepted: 2, rejected: [{ line: 2, detail: expect.stringContaining(why) }] });
  });

  it("counts messages: garbage between good ones, text that is not UTF-8, and an end that is missing", async () => {
    const whole = stream(message());
    const garbage = new Uint8Array([3, 0x0a, 0x7f, 0x61]);
    const latin = new Uint8Array([3, 0x22, 1, 0xff]);
    const { answer } = await send(Buffer.concat([whole, garbage, latin, stream(message({ id: "f2" })), whole.subarray(0, 20)]));
    expect(received(answer)).toMatchObject({
      accepted: 2,
      rejected: [
        { line: 2, detail: expect.stringMatching(/^is no nv.Frame message/) },
        { line: 3, detail: expect.stringMatching(/^is no nv.Frame message/) },
        { line: 5, detail: expect.stringMatching(/but the body ends after 19$/) },
      ],
    });
    for (const bad of [[0x80], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]])
      expect(received((await send(new Uint8Array(bad))).answer)).toMatchObject({ accepted: 0, rejected: [{ line: 1 }] });
  });
});

describe("a line of MOT text", () => {
  const options = { sensorId: "s", fps: 25, start, type: "Person" };
  it.each<[what: string, line: string, row: object]>([
    [
      "of a detection",
      "26,-1,10.5,20,30,40,0.9,-1,-1,-1",
      { timestamp: start + 1000, frame: "26", object: { id: "", type: "Person", bbox: bbox(10.5, 20, 40.5, 60), confidence: 0.9 } },
    ],
    [
      "of ground truth",
      "1,7,10,20,30,40,1,3,0.5",
      { timestamp: start, object: { id: "7", type: "Car", confidence: 1, info: [["visibility", "0.5"]] } },
    ],
    ["of a result with spaces", "2 7 10 20 30 40 -1 -1 -1 -1", { timestamp: start + 40, object: { id: "7", confidence: undefined } }],
    ["with an id written as a float", "2,7.0,10,20,30,40", { object: { id: "7" } }],
  ])("%s", (_, line, row) => {
    expect(parseMot(line, options, context)).toMatchObject(row);
  });
  it.each([
    ["too few columns", "1,2,3", "6 columns|has 3 columns"],
    ["frame 0", "0,7,10,20,30,40", "1 or more"],
    ["a negative width", "1,7,10,20,-30,40", "inverted"],
    ["no number", "1,7,x,20,30,40", "not finite"],
    ["a frame ahead of now", "999999999,7,1,2,3,4", "ahead of its arrival"],
  ])("is refused with %s", (_, line, why) => {
    const row = parseMot(line, options, context);
    expect(isRejection(row) && row.detail).toMatch(new RegExp(why));
  });
});

describe("a frame of OpenDataCam", () => {
  const options = { sensorId: "s", fps: 30, start, size: undefined };
  const car = { id: 0, name: "car", w: 20, h: 10, confidence: 0.67 };
  it("has centres in pixels, counts from frame 0 and marks the tracker's guesses", () => {
    const objects = [
      { ...car, cx: 100, cy: 50, isZombie: false },
      { ...car, id: 1, x: 100, y: 50, isZombie: true },
    ];
    expect(parseOpendatacam({ frame_id: 16, objects }, options, context)).toMatchObject({
      sensorId: "s",
      timestamp: start + 533,
      id: "16",
      objects: [
        { id: "0", type: "car", bbox: bbox(90, 45, 110, 55), confidence: 0.67, info: undefined },
        { id: "1", info: [["isZombie", "true"]] },
      ],
    });
  });
  it("takes raw detections where the picture's size is known", () => {
    const raw = {
      frame_id: 0,
      objects: [{ name: "car", relative_coordinates: { center_x: 0.5, center_y: 0.5, width: 0.1, height: 0.1 } }],
    };
    expect(parseOpendatacam(raw, { ...options, size: { width: 1000, height: 500 } }, context)).toMatchObject({
      objects: [{ id: "", bbox: bbox(450, 225, 550, 275) }],
    });
    expect(parseOpendatacam(raw, options, context)).toMatchObject({ field: "objects[0].relative_coordinates", reason: "box" });
  });
  it.each([
    [{ objects: [] }, "frame_id"],
    [{ frame_id: 1.5, objects: [] }, "frame_id"],
    [{ frame_id: 1, objects: [{ ...car, cx: 1 }] }, "objects[0]"],
    [{ frame_id: 1, timestamp: "2026-01-01", objects: [] }, "timestamp"],
    [7, ""],
  ])("is refused: %j", (value, field) => {
    expect(parseOpendatacam(value, options, context)).toMatchObject({ reason: expect.any(String), field });
  });
});

describe("rows of MEVA", () => {
  const row = {
    sensorId: "a",
    ts: "2018-03-11T15:20:46.467Z",
    frame: 1394,
    id: "a/20180311T112000/674503355543332019",
    type: "person",
    bbox: [1, 2, 3, 4],
  };
  it("of one instant become one frame a sensor; a bad row costs only itself", async () => {
    const lines = [
      row,
      { ...row, id: "2" },
      { ...row, sensorId: "b" },
      { ...row, bbox: [3, 2, 1, 4] },
      { ...row, id: "3" },
      { ...row, ts: "2018-03-11T15:20:46.500Z", frame: 1395 },
    ];
    const frames: [number, string, number | string][] = [];
    for await (const { line, frame: read } of framesOfRows(lines.map((value, i) => ({ line: i + 1, row: parseMeva(value, context) })))) {
      frames.push(isRejection(read) ? [line, "refused", read.field] : [line, `${read.sensorId} ${read.id}`, read.objects.length]);
    }
    expect(frames).toEqual([
      [4, "refused", "bbox"],
      [1, "a 1394", 3],
      [3, "b 1394", 1],
      [6, "a 1395", 1],
    ]);
  });
  it.each([
    ["sensorId", { sensorId: "" }],
    ["ts", { ts: "2018-03-11" }],
    ["bbox", { bbox: [1, 2, 3] }],
    ["bbox", { bbox: [1, 2, "3", 4] }],
    ["type", { type: null }],
  ])("are refused by their %s", (field, over) => {
    expect(parseMeva({ ...row, ...over }, context)).toMatchObject({ field, reason: expect.any(String) });
  });
});

describe("the wire form", () => {
  it("is read back as the same frame", () => {
    const observed: Observed = {
      sensorId: "s",
      timestamp: NOW,
      id: "7",
      modelVersion: "yolo@1",
      objects: [
        { id: "", type: "P", bbox: bbox(0, 0, 0.1, 1), confidence: undefined, info: [["__proto__", "x"]] },
        { id: "8331898984908335089", type: "P", bbox: bbox(-1, 0, 1, 1), confidence: 0, info: undefined },
      ],
    };
    expect(parseFrame(JSON.parse(wireOf(observed)), context)).toEqual(observed);
    expect(parseFrame(JSON.parse(wireOf({ ...observed, id: "", modelVersion: undefined })), context)).toMatchObject({ id: "" });
  });
});
