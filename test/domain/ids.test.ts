import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AlertName, alertId, murmur2, partitionOf, sha1, utf8, uuidV5 } from "../../domain/ids.ts";

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString("hex");
const text = fc.string({ unit: "binary" });

describe("utf8", () => {
  it.each([
    ["one byte", "a\0~"],
    ["two", "é߿"],
    ["three", "€￿"],
    ["four", "😀\u{10ffff}"],
    ["half a pair at the end", "a\ud800"],
    ["half a pair in the middle", "\udc00b"],
    ["two first halves", "\ud800\ud800\udc00"],
  ])("encodes %s as TextEncoder does", (_, given) => {
    expect(utf8(given)).toEqual([...new TextEncoder().encode(given)]);
  });

  it("encodes any text as TextEncoder does", () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(fc.oneof(text, units), (given) => {
        expect(utf8(given)).toEqual([...new TextEncoder().encode(given)]);
      }),
    );
  });
});

describe("sha1", () => {
  it("agrees with node's at every length around the block's edges", () => {
    for (let length = 0; length <= 200; length++) {
      const bytes = Array.from({ length }, (_, i) => (i * 7 + length) & 255);
      expect(hex(sha1(bytes))).toBe(createHash("sha1").update(Buffer.from(bytes)).digest("hex"));
    }
  });

  it("agrees with node's on any text", () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(hex(sha1(utf8(given)))).toBe(createHash("sha1").update(new TextEncoder().encode(given)).digest("hex"));
      }),
    );
  });
});

describe("uuidV5", () => {
  it.each([
    // RFC 9562, appendix A.4.
    ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2"],
    // The example of Python's uuid module.
    ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d"],
  ])("names %s in %s", (namespace, name, id) => {
    expect(uuidV5(namespace, name)).toBe(id);
  });

  it("marks version and variant", () => {
    fc.assert(
      fc.property(text, (name) => {
        const id = uuidV5("00000000-0000-0000-0000-000000000000", name);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });
});

describe("alertId", () => {
  const name: AlertName = {
    tenant: "acme",
    ruleId: "r",
    ruleVersion: 3,
    camera: "c",
    analytic: "roi",
    placeId: "p",
    direction: undefined,
    start: 1_600_000_000_000,
    ordinal: 0,
  };

  it("is the same for the same name", () => {
    expect(alertId({ ...name })).toBe(alertId(name));
  });

  it("does not change from one release to the next", () => {
    const digest = createHash("sha1")
      .update(Buffer.from("7c0b1f4e95a35d7e8a5261f0d3c4e2b9", "hex"))
      .update("4:acme;1:r;1:3;1:c;3:roi;1:p;-;13:1600000000000;1:0;")
      .digest("hex");
    expect(alertId(name).replaceAll("-", "").slice(0, 12)).toBe(digest.slice(0, 12));
    expect(alertId(name)).toBe("8bd05d34-8c71-56d0-85da-5505948a745d");
  });

  it.each<[string, Partial<AlertName>]>([
    ["tenant", { tenant: "acm" }],
    ["rule", { ruleId: "q" }],
    ["rule version", { ruleVersion: 4 }],
    ["camera", { camera: "d" }],
    ["analytic", { analytic: "fov" }],
    ["place", { placeId: "q" }],
    ["direction", { direction: "entry" }],
    ["an empty direction", { direction: "" }],
    ["start", { start: 1_600_000_000_001 }],
    ["ordinal", { ordinal: 1 }],
  ])("differs with the %s", (_, other) => {
    expect(alertId({ ...name, ...other })).not.toBe(alertId(name));
  });

  it.each<[Partial<AlertName>, Partial<AlertName>]>([
    [
      { tenant: "a;1:b", ruleId: "c" },
      { tenant: "a", ruleId: "b;1:c" },
    ],
    [
      { tenant: "ab", ruleId: "c" },
      { tenant: "a", ruleId: "bc" },
    ],
    [
      { tenant: "", ruleId: "ab" },
      { tenant: "ab", ruleId: "" },
    ],
    [
      { ruleVersion: 1, camera: "1c" },
      { ruleVersion: 11, camera: "c" },
    ],
  ])("is not fooled by what stands in the ids: %j %j", (one, other) => {
    expect(alertId({ ...name, ...one })).not.toBe(alertId({ ...name, ...other }));
  });
});

describe("murmur2", () => {
  // The vectors of Kafka's own tests of its default partitioner.
  it.each([
    ["21", -973_932_308],
    ["foobar", -790_332_482],
    ["a-little-bit-long-string", -985_981_536],
    ["a-little-bit-longer-string", -1_486_304_829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
    ["abc", 479_470_107],
  ])("hashes %s as Kafka does", (given, hash) => {
    expect(murmur2(utf8(given))).toBe(hash);
  });
});

describe("partitionOf", () => {
  it("takes the hash of tenant, NUL and camera without its sign", () => {
    expect(partitionOf("acme", "cam-1", 1_000_003)).toBe((murmur2([...Buffer.from("acme\0cam-1")]) & 0x7fffffff) % 1_000_003);
  });

  it("is a partition there is, whatever the names", () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 1, max: 1000 }), (tenant, camera, partitions) => {
        const partition = partitionOf(tenant, camera, partitions);
        expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
      }),
    );
  });

  it("spreads cameras over all partitions", () => {
    const chosen = Array.from({ length: 4000 }, (_, i) => partitionOf("default", `cam-${i}`, 4));
    const counts = [0, 1, 2, 3].map((partition) => chosen.filter((one) => one === partition).length);
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });
});
