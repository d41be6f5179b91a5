import { describe, expect, it } from "vitest";
import { bucketEdges } from "../../api/emdx/buckets.ts";
import { formatInstant, parseInstant } from "../../api/instant.ts";

const edges = (from: string, to: string, seconds: number, zone?: string): string[] => {
  const made = bucketEdges(Date.parse(from), Date.parse(to), seconds, zone, 1000);
  if (typeof made === "string") throw new Error(made);
  return made.map((edge) => formatInstant(edge).slice(0, 16));
};

describe("buckets", () => {
  it("of hours on the day the clock is set back in New York are 25", () => {
    expect(edges("2021-11-07T04:00:00Z", "2021-11-08T05:00:00Z", 3600, "America/New_York")).toHaveLength(26);
  });

  it("of days follow the zone through both shifts of the clock", () => {
    expect(edges("2021-03-27T23:00:00Z", "2021-03-29T22:00:00Z", 86_400, "Europe/Berlin")).toEqual([
      "2021-03-27T23:00",
      "2021-03-28T22:00",
      "2021-03-29T22:00",
    ]);
    expect(edges("2021-10-30T22:00:00Z", "2021-11-01T23:00:00Z", 86_400, "Europe/Berlin")).toEqual([
      "2021-10-30T22:00",
      "2021-10-31T23:00",
      "2021-11-01T23:00",
    ]);
  });

  it("of a day whose midnight is skipped begin at the shift (São Paulo)", () => {
    expect(edges("2018-11-03T03:00:00Z", "2018-11-05T02:00:00Z", 86_400, "America/Sao_Paulo")).toEqual([
      "2018-11-03T03:00",
      "2018-11-04T03:00",
      "2018-11-05T02:00",
    ]);
  });

  it("of hours meet the wall clock of a zone with half an hour, also where half an hour is left over (Lord Howe)", () => {
    expect(edges("2021-01-01T00:00:00Z", "2021-01-01T02:00:00Z", 3600, "Asia/Kolkata")).toEqual([
      "2021-01-01T00:00",
      "2021-01-01T00:30",
      "2021-01-01T01:30",
      "2021-01-01T02:00",
    ]);
    // 02:00 +11:00 becomes 01:30 +10:30 at 15:00Z.
    expect(edges("2021-04-03T14:00:00Z", "2021-04-03T16:30:00Z", 3600, "Australia/Lord_Howe")).toEqual([
      "2021-04-03T14:00",
      "2021-04-03T15:00",
      "2021-04-03T15:30",
      "2021-04-03T16:30",
    ]);
  });

  it("are none in an empty range, and refused where a zone cannot shift them", () => {
    expect(bucketEdges(5, 5, 60, undefined, 1000)).toEqual([]);
    expect(bucketEdges(0, 86_400_000, 7200, "Europe/Berlin", 1000)).toBe("zone-size");
    expect(bucketEdges(0, 1_000_000, 1, undefined, 1000)).toHaveLength(1001);
    expect(bucketEdges(0, 1_001_000, 1, undefined, 1000)).toBe("too-many");
  });
});

describe("instants", () => {
  it.each([
    ["2021-09-16T06:06:00.000Z", 1_631_772_360_000],
    ["2021-09-16T08:06:00+02:00", 1_631_772_360_000],
    ["2021-09-16t01:36:00.1239-04:30", 1_631_772_360_123],
    ["2020-02-29T00:00:00Z", Date.UTC(2020, 1, 29)],
  ])("%s is read", (text, at) => expect(parseInstant(text)).toBe(at));

  it.each([
    "2021-02-30T00:00:00Z",
    "2021-02-29T00:00:00Z",
    "2021-13-01T00:00:00Z",
    "2021-09-16T24:00:00Z",
    "2021-09-16T06:06:00",
    "2021-09-16",
    "1631772360000",
    "",
  ])("%s is refused", (text) => expect(parseInstant(text)).toBeUndefined());
});
