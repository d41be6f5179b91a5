import { create, fromBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { betweenLog } from "../../domain/between.ts";
import type { CameraState, Fact, Frame } from "../../domain/event.ts";
import { limits as defaults, type Limits } from "../../domain/limits.ts";
import { AdapterError, type Clock, type ForeignRecord, type Log } from "../../domain/ports.ts";
import { NvFrameSchema } from "../../ingest/formats/nv-protobuf.ts";
import { createTake } from "../../ingest/source.ts";
import { readSources, type SourceSettings } from "../../ingest/source-settings.ts";
import { read } from "../house/sources.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { cameraEvent, foreign, nvFrame, nvObject } from "../support/foreign.ts";
import { clockAt, counting, type Door, frame, NOW, object, openDoor, silent } from "../support/frames.ts";

const settings = (over: object = {}): SourceSettings =>
  readSources(JSON.stringify({ sources: [{ topic: "mdx-raw", tenant: "t1", ...over }] }))[0] as SourceSettings;
const never = new AbortController().signal;

type Setup = { readonly limits?: Partial<Limits>; readonly between?: (log: Log<Fact>) => Log<Fact>; readonly clock?: Clock };
const source = (over: object = {}, { limits = {}, between, clock = clockAt(NOW) }: Setup = {}) => {
  const door = openDoor({ limits, ...(between && { between }) });
  const { meter, counts } = counting();
  const lines: object[] = [];
  const journal = { ...silent, warn: (fields: object, message: string) => void lines.push({ ...fields, message }) };
  const take = createTake(settings(over), { receiver: door.receiver, limits: { ...defaults, ...limits }, clock, journal, meter });
  return { door, counts, lines, take };
};
const framesOf = async (door: Door): Promise<Frame[]> => (await door.facts()).filter((fact): fact is Frame => fact.kind === "frame");
const namesOf = async (door: Door): Promise<string[]> => (await framesOf(door)).map(({ camera, id }) => `${camera} ${id}`).sort();
const text = (over: object = {}): string => JSON.stringify(frame(over));
const key = (name: string): Pick<ForeignRecord, "key"> => ({ key: Buffer.from(name) });

describe("records of others' topics", () => {
  it("are nv.Frame or any JSON form of a frame, told apart by themselves", async () => {
    const { door, take } = source();
    const deepstream = {
      version: "4.0",
      id: "ds",
      "@timestamp": "2026-01-01T11:59:59.000Z",
      sensorId: "cam-3",
      objects: ["7|1|2|3|4|Person"],
    };
    const records = [
      foreign(0, nvFrame("cam-1", "pb", NOW - 1000)),
      foreign(1, text({ sensorId: "cam-2", id: "native" })),
      foreign(2, JSON.stringify(deepstream)),
      foreign(3, text({ sensorId: "cam-4", id: "nv", objects: [object({ bbox: { rightX: "12.5", bottomY: 5 } })] })),
      foreign(4, `\n [${text({ sensorId: "cam-5", id: "one" })},${text({ sensorId: "cam-5", id: "two" })}]`),
      foreign(5, `\ufeff${text({ sensorId: "cam-6", id: "marked" })}`),
    ];
    expect(await take(records, never)).toEqual({ done: 6, refused: [] });
    expect(await namesOf(door)).toEqual(["cam-1 pb", "cam-2 native", "cam-3 ds", "cam-4 nv", "cam-5 one", "cam-5 two", "cam-6 marked"]);
    const [first] = (await framesOf(door)).filter(({ id }) => id === "pb");
    expect(first).toMatchObject({
      tenant: "t1",
      timestamp: NOW - 1000,
      receivedAt: NOW,
      objects: [{ id: "7", type: "Person", confidence: 0.5 }],
    });
  });

  it("are read as the settings say where they say so", async () => {
    const lines = source({ format: "ndjson" });
    expect(await lines.take([foreign(0, `${text({ id: "1" })}\n${text({ id: "2" })}\n`)], never)).toEqual({ done: 1, refused: [] });
    expect(await namesOf(lines.door)).toEqual(["cam-1 1", "cam-1 2"]);

    const delimited = source({ format: "protobuf-delimited" });
    const message = (id: string) =>
      sizeDelimitedEncode(NvFrameSchema, fromBinary(NvFrameSchema, nvFrame("cam-1", id, NOW)) ?? create(NvFrameSchema));
    expect(await delimited.take([foreign(0, Buffer.concat([message("1"), message("2")]))], never)).toEqual({ done: 1, refused: [] });
    expect(await namesOf(delimited.door)).toEqual(["cam-1 1", "cam-1 2"]);

    const json = source({ format: "json" });
    const { refused } = await json.take([foreign(0, nvFrame("cam-1", "pb", NOW))], never);
    expect(refused).toMatchObject([{ reason: "unreadable", detail: expect.stringMatching(/UTF-8/) }]);
  });

  it("belong to the sensor the settings say", async () => {
    const nameless = frame();
    delete (nameless as { sensorId?: string }).sensorId;
    const value = JSON.stringify({ ...nameless, sensor: { id: 12 } });
    const cases: [object, ForeignRecord, string][] = [
      [{ from: "field" }, foreign(0, text({ sensorId: "own" })), "own"],
      [{ from: "key" }, foreign(0, value, key("by-key")), "by-key"],
      [{ from: "key" }, foreign(0, nvFrame("own", "f1", NOW), key("by-key")), "by-key"],
      [{ from: "field", field: "sensor.id" }, foreign(0, value), "12"],
      [{ from: "fixed", id: "lobby" }, foreign(0, nvFrame("own", "f1", NOW), key("by-key")), "lobby"],
      [{ from: "key", names: { "stream-0": "lobby" } }, foreign(0, value, key("stream-0")), "lobby"],
      [{ from: "key", names: { "stream-0": "lobby" } }, foreign(0, value, key("stream-1")), "stream-1"],
      [{ from: "field", names: { own: "lobby" }, unknown: "refuse" }, foreign(0, nvFrame("own", "f1", NOW)), "lobby"],
    ];
    for (const [sensor, record, camera] of cases) {
      const { door, take } = source({ sensor });
      expect(await take([record], never)).toEqual({ done: 1, refused: [] });
      expect((await framesOf(door)).map((one) => one.camera)).toEqual([camera]);
    }
  });

  it.each([
    [
      "a name the settings do not know",
      { from: "key", names: { a: "b" }, unknown: "refuse" },
      key("c"),
      "key: is no name the settings know",
    ],
    ["a key that is not there", { from: "key" }, {}, "key: must be text, but is missing"],
    ["an empty key", { from: "key" }, key(""), "key: must not be empty"],
    ["a key that is not UTF-8", { from: "key" }, { key: Buffer.from([0xff, 0xfe]) }, "key: is not UTF-8"],
    ["a field that is not there", { from: "field", field: "sensor.id" }, {}, "sensor.id: must be text, but is missing"],
    ["a field every object inherits", { from: "field", field: "constructor.name" }, {}, "constructor.name: must be text, but is missing"],
  ])("are refused for %s", async (_, sensor, over, detail) => {
    const { door, take } = source({ sensor });
    const { done, refused } = await take([foreign(4, text(), over)], never);
    expect({ done, refused }).toMatchObject({ done: 1, refused: [{ reason: "sensor", detail, record: { offset: 4 } }] });
    expect(await door.facts()).toEqual([]);
  });

  it("do not stop the topic where they are poison: each is told of with its place, and what is sound in it is taken in", async () => {
    const { door, counts, lines, take } = source();
    const records = [
      foreign(10, text({ id: "before" })),
      foreign(11, Buffer.from([0x0a, 0xff, 0xff, 0xff])),
      foreign(12, undefined),
      foreign(13, "{"),
      foreign(14, Buffer.alloc(defaults.bodyBytes + 1, 0x20)),
      foreign(
        15,
        `[${text({ id: "sound" })},${text({ id: "inverted", objects: [object({ bbox: { leftX: 9, topY: 0, rightX: 1, bottomY: 1 } })] })}]`,
      ),
      foreign(16, nvFrame("cam-1", "ahead", NOW + 3_600_000)),
      foreign(17, nvFrame("cam-1", "nan", NOW, [nvObject({ bbox: { leftX: Number.NaN, topY: 0, rightX: 1, bottomY: 1 } })])),
      foreign(18, text({ id: "after" })),
    ];
    const { done, refused } = await take(records, never);
    expect(done).toBe(records.length);
    expect(refused.map(({ record, reason }) => [record.offset, reason])).toEqual([
      [11, "syntax"],
      [12, "empty"],
      [13, "unreadable"],
      [14, "too-large"],
      [15, "box"],
      [16, "ahead"],
      [17, "box"],
    ]);
    expect(refused[4]?.detail).toMatch(/^frame 2: objects\[0\]\.bbox: is inverted/);
    expect(await namesOf(door)).toEqual(["cam-1 after", "cam-1 before", "cam-1 sound"]);
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatchObject({ topic: "mdx-raw", partition: 0, offset: 11, reason: "syntax" });
    expect(counts.get("tallywire_source_records_total mdx-raw")).toBe(9);
    expect(counts.get("tallywire_source_refused_total mdx-raw box")).toBe(2);
    expect(counts.get("tallywire_rejected_total t1 box")).toBe(2);
  });

  it("that are poison in masses are counted all, and told of ten times a minute with how many were not", async () => {
    let now = NOW;
    const { counts, lines, take } = source({}, { clock: { now: () => now, sleep: () => Promise.resolve() } });
    const poison = (n: number): ForeignRecord[] => Array.from({ length: n }, (_, i) => foreign(i, "{"));
    expect((await take(poison(500), never)).refused).toHaveLength(500);
    expect(lines).toHaveLength(10);
    now += 60_000;
    await take(poison(1), never);
    expect(lines.at(-1)).toMatchObject({ more: 490 });
    expect(counts.get("tallywire_source_refused_total mdx-raw unreadable")).toBe(501);
  });

  it("that come again are dropped as everywhere", async () => {
    const { door, take } = source();
    const records = [foreign(0, nvFrame("cam-1", "a", NOW)), foreign(1, nvFrame("cam-1", "b", NOW))];
    await take(records, never);
    expect(await take(records, never)).toEqual({ done: 2, refused: [] });
    expect(await namesOf(door)).toEqual(["cam-1 a", "cam-1 b"]);
    expect(door.counts.get("tallywire_duplicates_total t1")).toBe(2);
  });
});

describe("camera events under the key vst.event", () => {
  const vst = key("vst.event");
  const statesOf = async (door: Door): Promise<CameraState[]> =>
    (await door.facts()).filter((fact): fact is CameraState => fact.kind === "camera-state");

  it("become camera states among the frames before and after them", async () => {
    const { door, take } = source();
    const records = [
      foreign(0, nvFrame("cam-1", "a", NOW - 3000)),
      foreign(1, cameraEvent("cam-1", "camera_remove"), { ...vst, timestamp: NOW - 2000 }),
      foreign(2, cameraEvent("cam-1", "camera_streaming", { created_at: "2026-01-01T11:59:58.500Z", source: "vst" }), vst),
      foreign(3, nvFrame("cam-1", "b", NOW - 1000)),
      foreign(4, cameraEvent("cam-1", "camera_add"), vst),
    ];
    expect(await take(records, never)).toEqual({ done: 5, refused: [] });
    expect(
      (await door.facts()).map((fact) =>
        fact.kind === "frame" ? fact.id : fact.kind === "camera-state" && [fact.at, fact.state, fact.change],
      ),
    ).toEqual([
      "a",
      [NOW - 2000, "removed", "camera_remove"],
      [NOW - 1500, "online", "camera_streaming"],
      "b",
      [NOW - 500, "other", "camera_add"],
    ]);
    expect(JSON.stringify(await door.facts())).not.toContain("secret");
  });

  it("are of the camera the settings name, by whatever name", async () => {
    const byName = source({ events: { camera: "camera_name" }, sensor: { from: "key", names: { "name of cam-1": "lobby" } } });
    await byName.take([foreign(0, cameraEvent("cam-1", "camera_streaming"), vst)], never);
    expect((await statesOf(byName.door)).map(({ camera }) => camera)).toEqual(["lobby"]);
    const fixed = source({ sensor: { from: "fixed", id: "lobby" } });
    await fixed.take([foreign(0, cameraEvent("cam-1", "camera_streaming"), vst)], never);
    expect((await statesOf(fixed.door)).map(({ camera }) => camera)).toEqual(["lobby"]);
  });

  it("stand under another key, fill a topic of their own, or are none, as the settings say", async () => {
    const event = cameraEvent("cam-1", "camera_streaming");
    const other = source({ events: { key: "cameras" } });
    expect((await other.take([foreign(0, event, key("cameras"))], never)).refused).toEqual([]);
    expect((await other.take([foreign(1, event, vst)], never)).refused).toHaveLength(1);
    expect(await statesOf(other.door)).toHaveLength(1);
    const own = source({ format: "events" });
    expect((await own.take([foreign(0, event)], never)).refused).toEqual([]);
    expect(await statesOf(own.door)).toHaveLength(1);
    const off = source({ events: false });
    expect((await off.take([foreign(0, event, vst)], never)).refused).toHaveLength(1);
  });

  it.each([
    ["no JSON", "{", "syntax"],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), "syntax"],
    ["another message", JSON.stringify({ alert_type: "disk_full", event: { change: "x" } }), "shape"],
    ["one without a camera", JSON.stringify({ alert_type: "camera_status_change", event: { change: "camera_streaming" } }), "sensor"],
    ["one from the future", cameraEvent("cam-1", "camera_streaming", { created_at: "2026-01-01T13:00:00Z" }), "unreadable"],
  ])("that are %s are left behind", async (_, value, reason) => {
    const { door, take } = source();
    const { done, refused } = await take([foreign(0, value, vst), foreign(1, text())], never);
    expect(done).toBe(2);
    expect(refused.map((one) => one.reason)).toEqual([reason]);
    expect(await namesOf(door)).toEqual(["cam-1 f1"]);
  });
});

describe("a source whose log takes nothing", () => {
  /** Appends fail until told otherwise. */
  const failing = (code: "unavailable" | "full" | "too-large") => {
    const state = { fails: (_: readonly Fact[]): boolean => true, tries: 0 };
    const between = (log: Log<Fact>): Log<Fact> =>
      betweenLog(log, {
        append: (events) => {
          state.tries++;
          return state.fails(events) ? Promise.reject(new AdapterError(code, "it does not", { retryable: true })) : log.append(events);
        },
      });
    return { state, between };
  };

  it.each(["unavailable", "full"] as const)("(%s) waits and goes on with the same records, saying so once a minute", async (code) => {
    const { state, between } = failing(code);
    const clock = fakeClock(NOW);
    const { door, lines, take } = source({}, { between, clock });
    const taking = take(
      [foreign(0, text({ id: "a" })), foreign(1, cameraEvent("cam-1", "camera_remove"), key("vst.event")), foreign(2, text({ id: "b" }))],
      never,
    );
    await clock.pass(90_000, 1000);
    expect(state.tries).toBeGreaterThan(30);
    expect(lines).toHaveLength(2);
    expect(await door.facts()).toEqual([]);
    state.fails = () => false;
    await clock.pass(5000, 1000);
    expect(await taking).toEqual({ done: 3, refused: [] });
    expect((await door.facts()).map((fact) => fact.kind)).toEqual(["frame", "camera-state", "frame"]);
  });

  it("ends its waiting when told, and says how far it came", async () => {
    const { state, between } = failing("unavailable");
    const clock = fakeClock(NOW);
    const { take } = source({}, { between, clock });
    state.fails = (events) => events.some((event) => event.kind === "frame" && event.id === "b");
    const stop = new AbortController();
    const taking = take(
      [
        foreign(0, text({ id: "a" })),
        foreign(1, cameraEvent("cam-1", "camera_remove"), key("vst.event")),
        foreign(2, "{"),
        foreign(3, text({ id: "b" })),
      ],
      stop.signal,
    );
    await clock.pass(1000);
    stop.abort();
    expect(await taking).toEqual({ done: 2, refused: [] });
  });

  it("goes on with the smaller halves of what is too large together, and leaves behind what is so by itself", async () => {
    const { state, between } = failing("too-large");
    state.fails = (events) => events.length > 3 || events.some((event) => event.kind === "frame" && event.id === "f5");
    const { door, take } = source({}, { between });
    const { done, refused } = await take(
      Array.from({ length: 10 }, (_, i) => foreign(i, text({ id: `f${i}` }))),
      never,
    );
    expect(done).toBe(10);
    expect(refused.map(({ record, reason }) => [record.offset, reason])).toEqual([[5, "too-large"]]);
    expect((await framesOf(door)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9].map((i) => `f${i}`));
  });

  it("waits while more is waiting than may wait, and drops nothing", async () => {
    const gates: (() => void)[] = [];
    const between = (log: Log<Fact>): Log<Fact> =>
      betweenLog(log, {
        append: async (events) => {
          await new Promise<void>((resolve) => gates.push(resolve));
          return log.append(events);
        },
      });
    const clock = fakeClock(NOW);
    const { door, take } = source({}, { between, clock, limits: { pendingBytes: Math.round(1.5 * text({ id: "p0" }).length) } });
    const takes = [0, 1, 2].map((partition) => take([foreign(0, text({ id: `p${partition}` }), { partition })], never));
    await clock.pass(500);
    expect(gates).toHaveLength(1);
    for (let opened = 0; opened < 3; opened++) {
      while (gates.length === 0) await clock.pass(500);
      gates.shift()?.();
    }
    expect(await Promise.all(takes)).toEqual([0, 1, 2].map(() => ({ done: 1, refused: [] })));
    expect(await namesOf(door)).toEqual(["cam-1 p0", "cam-1 p1", "cam-1 p2"]);
    expect(door.counts.get("tallywire_throttled_total t1")).toBeUndefined();
  });

  it("takes in what is more than a body by parts", async () => {
    const sizes: number[] = [];
    const between = (log: Log<Fact>): Log<Fact> =>
      betweenLog(log, {
        append: (events) => {
          sizes.push(events.length);
          return log.append(events);
        },
      });
    const records = Array.from({ length: 10 }, (_, i) => foreign(i, text({ id: `f${i}` })));
    const size = records[0]?.value?.length ?? 0;
    expect((await source({}, { between, limits: { bodyBytes: 4 * size } }).take(records, never)).done).toBe(10);
    expect((await source({}, { between, limits: { framesPerBody: 6 } }).take(records, never)).done).toBe(10);
    expect(sizes).toEqual([4, 4, 2, 6, 4]);
  });
});

describe("the file of sources", () => {
  const faults = (file: unknown): string => {
    try {
      readSources(typeof file === "string" ? file : JSON.stringify(file));
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };

  it("says as little as the topic", () => {
    expect(readSources('{"sources":[{"topic":"mdx-raw"}]}')).toEqual([
      {
        topic: "mdx-raw",
        group: "tallywire.mdx-raw",
        from: "earliest",
        tenant: "default",
        format: "auto",
        sensor: { from: "field", field: "sensorId", names: {}, unknown: "keep" },
        events: { key: "vst.event", camera: "camera_id" },
      },
    ]);
  });

  it("is written in the documents as it is read, its defaults too", () => {
    const [, section = ""] = read("docs/topics.md").split("## Topics of others");
    const examples = [...section.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => readSources(json as string));
    expect(examples.map(([first]) => first?.topic)).toEqual(["mdx-raw", "detections"]);
    const rows = [...section.matchAll(/^\| (?:… )?`(\w+)` +\| (.*?) +\|/gm)].map(([, field, value]) => [field, value?.replaceAll("`", "")]);
    const bare = readSources('{"sources":[{"topic":"t"}]}')[0] as SourceSettings;
    const sensor = bare.sensor as { readonly names: object; readonly unknown: string };
    expect(Object.fromEntries(rows)).toEqual({
      url: "the log's",
      access: "—",
      topic: "must be given",
      group: "tallywire. and the topic",
      from: bare.from,
      deadLetter: "—",
      tenant: bare.tenant,
      format: bare.format,
      sensor: JSON.stringify({ from: bare.sensor.from }),
      names: JSON.stringify(sensor.names),
      unknown: sensor.unknown,
      events: JSON.stringify(bare.events),
    });
    expect(readSources('{"sources":[{"topic":"t","sensor":{"from":"field"}}]}')[0]).toEqual(bare);
  });

  it.each([
    ["no JSON", "{", /^is no JSON/],
    ["no sources", { sources: [] }, /^sources: /],
    ["a field nobody knows", { sources: [{ topic: "a", fromm: "latest" }] }, /^sources\.0: .*fromm/],
    ["no topic", { sources: [{}] }, /^sources\.0\.topic: /],
    ["a topic Kafka does not allow", { sources: [{ topic: "a b" }] }, /^sources\.0\.topic: must be/],
    ["another scheme", { sources: [{ topic: "a", url: "http://h" }] }, /^sources\.0\.url: must begin with kafka:/],
    [
      "a user without a password",
      { sources: [{ topic: "a", url: "kafka://h:1", access: { username: "u" } }] },
      /^sources\.0\.access\.username: goes together with password$/,
    ],
    [
      "a certificate without its key",
      { sources: [{ topic: "a", url: "kafka://h:1", access: { cert: "c.pem" } }] },
      /^sources\.0\.access\.cert: goes together with key$/,
    ],
    ["an unknown format", { sources: [{ topic: "a", format: "xml" }] }, /^sources\.0\.format: /],
    ["a sensor from nowhere", { sources: [{ topic: "a", sensor: { from: "header" } }] }, /^sources\.0\.sensor\.from: /],
    [
      "two sources of one group",
      {
        sources: [
          { topic: "a", group: "g" },
          { topic: "b", group: "g" },
        ],
      },
      /^sources\.1\.group: another source/,
    ],
    ["dead letters into the topic itself", { sources: [{ topic: "a", deadLetter: "a" }] }, /^sources\.0\.deadLetter: is the topic itself/],
    [
      "credentials for the log's own connection",
      { sources: [{ topic: "a", access: { username: "u" } }] },
      /^sources\.0\.access: goes with a url/,
    ],
    ["an empty name", { sources: [{ topic: "a", sensor: { from: "key", names: { x: "" } } }] }, /^sources\.0\.sensor\.names\.x: /],
  ])("is refused for %s", (_, file, message) => {
    expect(faults(file)).toMatch(message);
  });
});
