import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Frame } from "../../domain/event.ts";
import { box, bytes, frame, json, NOW, ndjson, object, openDoor, received, refused } from "../support/frames.ts";

const boxed = (over: object): object => frame({ objects: [object({ bbox: { ...box, ...over } })] });
const seen = (over: object): object => frame({ objects: [object(over)] });
const at = (timestamp: unknown): object => frame({ timestamp });
const raw = (text: string): string => JSON.stringify(frame({ objects: ["@"] })).replace('"@"', text);

/** The checksum stands eight bytes before the end. */
const miscounted = (packed: Buffer): Buffer => packed.fill(0, packed.length - 8, packed.length - 4);

describe("a frame is refused alone, with its line, its field and the reason", () => {
  it.each<[what: string, line: unknown, detail: RegExp, reason: string]>([
    ["malformed JSON", '{"sensorId":', /^is no JSON/, "syntax"],
    ["NaN as JSON has none", raw('{"id":"1","type":"Person","bbox":{"leftX":NaN}}'), /^is no JSON/, "syntax"],
    ["a text", '"frame"', /must be an object, but is a string/, "shape"],
    ["an array in a line", "[{}]", /must be an object, but is an array/, "shape"],
    ["null", "null", /but is null/, "shape"],
    [
      "an infinite box",
      raw('{"id":"1","type":"P","bbox":{"leftX":0,"topY":0,"rightX":1e999,"bottomY":9}}'),
      /^objects\[0\]\.bbox: is not finite/,
      "box",
    ],
    ["a NaN box", boxed({ leftX: "NaN" }), /^objects\[0\]\.bbox: is not finite/, "box"],
    ["a box of texts", boxed({ leftX: "ten" }), /must be numbers/, "box"],
    ["a box of another shape", seen({ bbox: { x: 1, y: 2, width: 3, height: 4 } }), /lacks leftX, topY, rightX, bottomY/, "box"],
    ["half a box of another shape", seen({ bbox: { leftX: 1, topY: 2, width: 3, height: 4 } }), /lacks rightX, bottomY/, "box"],
    ["no box", seen({ bbox: undefined }), /^objects\[0\]\.bbox: must be an object, but is missing/, "box"],
    ["a box inverted across", boxed({ leftX: 31 }), /inverted: leftX 31 is right of rightX 30/, "box"],
    ["a box inverted downwards", boxed({ topY: 61 }), /inverted: topY 61 is below bottomY 60/, "box"],
    ["a box beyond any picture", boxed({ rightX: 1e300 }), /lies beyond/, "box"],
    ["no timestamp", at(undefined), /^timestamp: must be RFC 3339 text with a zone, but is missing/, "timestamp"],
    ["a numeric timestamp", at(NOW), /but is a number/, "timestamp"],
    ["a timestamp without a zone", at("2026-01-01T11:59:59.000"), /^timestamp: has no zone/, "timestamp"],
    ["a day that is none", at("2026-02-30T11:59:59.000Z"), /names no real date/, "timestamp"],
    ["a timestamp too far ahead", at("2026-01-01T12:00:10.001Z"), /10001 ms ahead of its arrival/, "ahead"],
    ["a clock never set", at("0001-01-01T00:00:00Z"), /is before 1970/, "timestamp"],
    ["no sensor", frame({ sensorId: undefined }), /^sensorId: must be text, but is missing/, "sensor"],
    ["an empty sensor", frame({ sensorId: "" }), /must not be empty/, "sensor"],
    ["a numeric sensor", frame({ sensorId: 7 }), /but is a number/, "sensor"],
    ["a long sensor", frame({ sensorId: "x".repeat(257) }), /longer than 256/, "sensor"],
    ["NUL in a sensor", frame({ sensorId: "a\0b" }), /NUL/, "sensor"],
    ["half a surrogate pair in a sensor", '{"sensorId":"\\ud800","timestamp":"2026-01-01T11:59:59Z"}', /^sensorId: holds half/, "sensor"],
    ["half a surrogate pair in an id", raw('{"id":"\\udfff","type":"P","bbox":{}}'), /^objects\[0\]\.id: holds half/, "syntax"],
    ["half a surrogate pair in an attribute", raw('{"id":"1","type":"P","bbox":{},"info":{"a":"\\ud83d"}}'), /info: holds half/, "syntax"],
    ["objects that are no list", frame({ objects: {} }), /^objects: must be an array, but is an object/, "shape"],
    ["an object that is none", frame({ objects: [object(), 5] }), /^objects\[1\]: must be an object, but is a number/, "object"],
    ["no type", seen({ type: undefined }), /^objects\[0\]\.type: must be text/, "object"],
    ["an empty type", seen({ type: "" }), /must not be empty/, "object"],
    ["an id that is neither text nor an integer", seen({ id: 1.5 }), /must be text or an integer/, "object"],
    ["an id that is a list", seen({ id: [] }), /but is an array/, "object"],
    ["a long id", seen({ id: "9".repeat(257) }), /longer than 256/, "object"],
    ["a confidence that is no number", seen({ confidence: "high" }), /^objects\[0\]\.confidence: must be a number/, "object"],
    ["info that is a list", seen({ info: ["a"] }), /^objects\[0\]\.info: must be an object/, "object"],
    ["info with objects in it", seen({ info: { a: {} } }), /^objects\[0\]\.info\.a: must be text/, "object"],
    ["too many attributes", seen({ info: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, "v"])) }), /more than 64/, "object"],
    ["a long attribute", seen({ info: { a: "x".repeat(4097) } }), /longer than 4096/, "object"],
    ["a frame id that is an object", frame({ id: {} }), /^id: must be text or an integer/, "shape"],
    [
      "too many objects",
      frame({ objects: Array.from({ length: 10_001 }, () => object()) }),
      /10001 objects, more than 10000/,
      "too-many-objects",
    ],
  ])("%s", async (_, line, detail, reason) => {
    const door = openDoor();
    const answer = received(await door.send(ndjson(frame({ id: "before" }), "", line, frame({ id: "after" }))));
    expect(answer).toMatchObject({ accepted: 2, duplicates: 0, rejected: [{ line: 3, detail: expect.stringMatching(detail) }] });
    expect((await door.facts()).map((fact) => (fact as Frame).id)).toEqual(["before", "after"]);
    expect(door.counts.get(`tallywire_rejected_total t1 ${reason}`)).toBe(1);
  });
});

describe("what looks odd and is fine", () => {
  it.each<[what: string, line: unknown]>([
    ["a box without area", boxed({ rightX: 10, bottomY: 20 })],
    ["a frame without objects", frame({ objects: [] })],
    ["fields we do not know", frame({ mood: "good", objects: [object({ colour: 7, bbox: { ...box, z: 1 } })] })],
    ["a timestamp just within the bound", at("2026-01-01T12:00:10.000Z")],
    ["a timestamp of long ago", at("2018-03-11T15:20:46.467Z")],
    ["ten thousand objects", frame({ objects: Array.from({ length: 10_000 }, () => object()) })],
    ["a whole surrogate pair, escaped", '{"sensorId":"\\ud83d\\ude00","timestamp":"2026-01-01T11:59:59Z"}'],
  ])("%s", async (_, line) => {
    expect(received(await openDoor().send(ndjson(line)))).toMatchObject({ accepted: 1, rejected: [] });
  });

  it("keeps nothing of the fields it does not know", async () => {
    const door = openDoor();
    await door.send(json(frame({ mood: "good", objects: [object({ colour: 7, bbox: { ...box, z: 1 } })] })));
    const [fact] = await door.facts();
    expect(Object.keys(fact as Frame)).not.toContain("mood");
    expect((fact as Frame).objects).toEqual([{ id: "1", type: "Person", bbox: box, confidence: 0.9, info: undefined }]);
    expect(Object.keys((fact as Frame).objects[0]?.bbox ?? {})).toEqual(["leftX", "topY", "rightX", "bottomY"]);
  });

  it("takes __proto__ as a name and as an id like any other", async () => {
    const door = openDoor();
    const line = raw(
      '{"id":"__proto__","type":"__proto__","bbox":{"leftX":1,"topY":1,"rightX":2,"bottomY":2},"info":{"__proto__":"x","constructor":"y"},"__proto__":{"id":"other"}}',
    );
    expect(received(await door.send(ndjson(line.replace('"f1"', '"__proto__"').replace("cam-1", "__proto__")))).accepted).toBe(1);
    expect(await door.facts()).toMatchObject([
      {
        camera: "__proto__",
        id: "__proto__",
        objects: [
          {
            id: "__proto__",
            type: "__proto__",
            info: [
              ["__proto__", "x"],
              ["constructor", "y"],
            ],
          },
        ],
      },
    ]);
    expect(({} as { id?: string }).id).toBeUndefined();
  });
});

describe("ids", () => {
  it.each<[what: string, id: string, kept: string]>([
    ["a text", '"a"', "a"],
    ["an integer", "7", "7"],
    ["zero", "0", "0"],
    ["a 64-bit integer, with all its digits", "8331898984908335089", "8331898984908335089"],
    ["the same among white space", " 8331898984908335089 ", "8331898984908335089"],
    ["a 64-bit text", '"8331898984908335089"', "8331898984908335089"],
    ["more digits than 64 bits hold", "123456789012345678901234567890", "123456789012345678901234567890"],
    ["an integer with an exponent", "1e21", "1000000000000000000000"],
    ["a negative integer: no track", "-1", ""],
    ["a negative 64-bit integer", "-8331898984908335089", ""],
    ["a negative text", '"-958754206"', ""],
    ["a text that only begins like one", '"-a"', "-a"],
    ["-1 written unsigned", '"18446744073709551615"', ""],
    ["the same as a number", "18446744073709551615", ""],
    ["an empty text", '""', ""],
    ["null", "null", ""],
  ])("%s", async (_, id, kept) => {
    const door = openDoor();
    await door.send(ndjson(raw(`{"id":${id},"type":"P","bbox":{"leftX":12345678.12345678901234,"topY":0,"rightX":12345679,"bottomY":1}}`)));
    const [fact] = await door.facts();
    expect((fact as Frame).objects[0]?.id).toBe(kept);
    expect(door.counts.get("tallywire_unusable_objects_total t1")).toBe(kept === "" ? 1 : undefined);
  });

  it("keeps the digits of a frame's own id in an array body", async () => {
    const door = openDoor();
    await door.send(json(`[${JSON.stringify(frame()).replace('"f1"', "9007199254740993")}]`));
    expect(await door.facts()).toMatchObject([{ id: "9007199254740993" }]);
  });
});

describe("a body is refused as a whole", () => {
  it.each<[what: string, contentType: string, body: Uint8Array, problem: string]>([
    ["that is no JSON", "application/json", bytes("{"), "unreadable"],
    ["that is empty", "application/json", bytes(""), "unreadable"],
    ["of blank lines", "application/x-ndjson", bytes("\n \r\n\n"), "unreadable"],
    ["that is not UTF-8", "application/json", new Uint8Array([0x7b, 0xff, 0x7d]), "unreadable"],
    ["of half a surrogate pair in UTF-8", "application/json", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), "unreadable"],
    ["that is UTF-16", "application/json", new Uint8Array([0xff, 0xfe, 0x5b, 0, 0x5d, 0]), "unreadable"],
    ["nested deep", "application/json", new Uint8Array(8 * 1024 * 1024).fill(0x5b), "unreadable"],
    ["nested deep in objects", "application/json", bytes('{"a":'.repeat(200_000)), "unreadable"],
    ["of text", "text/plain", bytes("{}"), "unsupported"],
    ["of a form", "application/x-www-form-urlencoded", bytes("{}"), "unsupported"],
    ["in another charset", "application/json; charset=latin1", bytes("{}"), "unsupported"],
    ["one byte too long", "application/json", new Uint8Array(8 * 1024 * 1024 + 1).fill(0x20), "too-large"],
    ["of 100 MB", "application/json", new Uint8Array(100 * 1024 * 1024), "too-large"],
    ["of 10,001 frames", "application/x-ndjson", bytes("{}\n".repeat(10_001)), "too-large"],
    ["of 10,001 frames in an array", "application/json", bytes(`[${"{},".repeat(10_000)}{}]`), "too-large"],
  ])("%s", async (_, contentType, body, problem) => {
    const door = openDoor();
    const start = performance.now();
    expect(refused(await door.send({ contentType, encoding: undefined, body })).problem).toBe(problem);
    expect(performance.now() - start).toBeLessThan(4000);
    expect(await door.facts()).toEqual([]);
  });

  it.each<[what: string, encoding: string, body: Uint8Array, problem: string]>([
    ["that is no gzip", "gzip", bytes("[]"), "unreadable"],
    ["of broken gzip", "gzip", gzipSync(JSON.stringify(frame())).subarray(0, 60), "unreadable"],
    ["of gzip with a wrong checksum", "gzip", miscounted(gzipSync(JSON.stringify(frame()))), "unreadable"],
    ["that is a gzip bomb", "gzip", gzipSync(new Uint8Array(200 * 1024 * 1024)), "too-large"],
    ["in another encoding", "br", bytes("{}"), "unsupported"],
  ])("%s", async (_, encoding, body, problem) => {
    expect(refused(await openDoor().send({ contentType: "application/json", encoding, body })).problem).toBe(problem);
  });

  it("but gzip is unpacked", async () => {
    const body = gzipSync(JSON.stringify([frame({ id: "a" }), frame({ id: "b" })]));
    expect(received(await openDoor().send({ contentType: "application/json", encoding: "gzip", body })).accepted).toBe(2);
  });

  it("but a byte order mark is passed over", async () => {
    expect(received(await openDoor().send(json(`\uFEFF${JSON.stringify(frame())}`))).accepted).toBe(1);
    expect(received(await openDoor().send(ndjson(`\uFEFF${JSON.stringify(frame())}`))).accepted).toBe(1);
  });

  it("but one line that is not UTF-8 is only that line's fault", async () => {
    const line = bytes(`${JSON.stringify(frame())}\n`);
    const body = Buffer.concat([new Uint8Array([0x22, 0xff, 0x22, 0x0a]), line]);
    expect(received(await openDoor().send({ contentType: "application/x-ndjson", encoding: undefined, body }))).toMatchObject({
      accepted: 1,
      rejected: [{ line: 1, detail: "is not UTF-8" }],
    });
  });
});
