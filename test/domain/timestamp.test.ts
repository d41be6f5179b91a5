import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instantOf } from "../../domain/timestamp.ts";

describe("a timestamp", () => {
  it.each([
    ["2026-01-01T00:00:00.000Z", Date.UTC(2026, 0, 1)],
    ["2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1)],
    ["2026-01-01t00:00:00.5z", Date.UTC(2026, 0, 1, 0, 0, 0, 500)],
    ["2026-01-01 01:30:00+01:30", Date.UTC(2026, 0, 1)],
    ["2025-12-31T19:00:00.123456789-05:00", Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ["2026-01-01T00:00:00.9999Z", Date.UTC(2026, 0, 1, 0, 0, 0, 999)],
    ["2024-02-29T12:00:00.000Z", Date.UTC(2024, 1, 29, 12)],
    ["1970-01-01T00:00:00.000Z", 0],
    ["1969-12-31T23:59:59.999Z", -1],
    ["0001-01-01T00:00:00Z", Date.parse("0001-01-01T00:00:00.000Z")],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1) - 1],
    ["2017-01-01T00:59:60.5+01:00", Date.UTC(2017, 0, 1) - 1],
  ])("%s is read", (text, at) => {
    expect(instantOf(text)).toBe(at);
  });

  it.each([
    ["2026-01-01T00:00:00.000", "has no zone"],
    ["2026-01-01T00:00:00", "has no zone"],
    ["2026-01-01T00:00", "has no zone"],
    ["2026-01-01", "is no RFC 3339 timestamp"],
    ["1767225600000", "is no RFC 3339 timestamp"],
    ["Thu, 01 Jan 2026 00:00:00 GMT", "is no RFC 3339 timestamp"],
    ["2026-01-01T00:00:00.000+0100", "is no RFC 3339 timestamp"],
    ["2026-1-1T00:00:00Z", "is no RFC 3339 timestamp"],
    ["2026-01-01T00:00:0a.000Z", "is no RFC 3339 timestamp"],
    ["2026-01-01T00:00:00.0a0Z", "is no RFC 3339 timestamp"],
    ["2026-01-01T00:00:00.Z", "is no RFC 3339 timestamp"],
    ["", "is no RFC 3339 timestamp"],
    ["2026-02-30T00:00:00.000Z", "names no real date or time"],
    ["2025-02-29T00:00:00.000Z", "names no real date or time"],
    ["1900-02-29T00:00:00.000Z", "names no real date or time"],
    ["2026-04-31T00:00:00.000Z", "names no real date or time"],
    ["2026-13-01T00:00:00.000Z", "names no real date or time"],
    ["2026-00-01T00:00:00.000Z", "names no real date or time"],
    ["2026-01-00T00:00:00.000Z", "names no real date or time"],
    ["2026-01-01T24:00:00.000Z", "names no real date or time"],
    ["2026-01-01T00:60:00.000Z", "names no real date or time"],
    ["2026-01-01T00:00:61.000Z", "names no real date or time"],
    ["2026-01-01T12:00:60.000Z", "names no real date or time"],
    ["2026-01-15T23:59:60Z", "names no real date or time"],
    ["2026-01-01T00:00:00+24:00", "names no real date or time"],
  ])("%s %s", (text, why) => {
    expect(instantOf(text)).toBe(why);
  });

  it("is read as the platform reads it, whatever the instant and the zone", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
        fc.integer({ min: -1439, max: 1439 }),
        (at, offset) => {
          expect(instantOf(new Date(at).toISOString())).toBe(at);
          const local = at + offset * 60_000;
          if (local < -62_135_596_800_000 || local > 253_402_300_799_999) return;
          const away = Math.abs(offset);
          const zone = `${offset < 0 ? "-" : "+"}${String(Math.floor(away / 60)).padStart(2, "0")}:${String(away % 60).padStart(2, "0")}`;
          expect(instantOf(new Date(local).toISOString().replace("Z", zone))).toBe(at);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
