import { describe, expect, it } from "vitest";
import type { Schedule, Weekday } from "../../domain/camera.ts";
import { isZone, minuteOfDay, weekdays, within } from "../../domain/rules/schedule.ts";

const schedule = (timezone: string, from: string, to: string, ...days: readonly Weekday[]): Schedule => ({
  timezone,
  windows: [{ days, from, to }],
});
const holds = (given: Schedule, at: string): boolean => within(given)(Date.parse(at));

describe("a schedule", () => {
  // 2026-06-15 is a Monday; Berlin is two hours ahead of UTC then.
  const office = schedule("Europe/Berlin", "08:00", "18:00", "mon");
  const night = schedule("Europe/Berlin", "22:00", "06:00", "fri");
  const wholeDay = schedule("UTC", "08:00", "08:00", "mon");
  const tillMidnight = schedule("UTC", "20:00", "00:00", "sun");

  it.each<[string, Schedule, string, boolean]>([
    ["holds from its first millisecond", office, "2026-06-15T06:00:00.000Z", true],
    ["does not hold just before", office, "2026-06-15T05:59:59.999Z", false],
    ["holds to its last millisecond", office, "2026-06-15T15:59:59.999Z", true],
    ["does not hold at its end", office, "2026-06-15T16:00:00.000Z", false],
    ["does not hold on another day", office, "2026-06-16T10:00:00.000Z", false],
    ["holds on the day of the zone, not of UTC", schedule("Asia/Tokyo", "00:00", "06:00", "tue"), "2026-06-15T15:00:00.000Z", true],
    ["is earlier by the clock in winter", office, "2026-01-12T06:30:00.000Z", false],
    ["begins an hour later in UTC in winter", office, "2026-01-12T07:00:00.000Z", true],
    ["goes on after midnight", night, "2026-06-20T03:59:59.999Z", true],
    ["ends on the next day", night, "2026-06-20T04:00:00.000Z", false],
    ["does not hold in the morning of its own day", night, "2026-06-19T03:00:00.000Z", false],
    ["holds in the evening of its own day", night, "2026-06-19T20:00:00.000Z", true],
    ["does not hold in the evening after", night, "2026-06-20T20:00:00.000Z", false],
    ["takes from and to alike for a whole day", wholeDay, "2026-06-16T07:59:59.999Z", true],
    ["and for no more than that", wholeDay, "2026-06-16T08:00:00.000Z", false],
    ["may end at midnight", tillMidnight, "2026-06-14T23:59:59.999Z", true],
    ["does not hold at that midnight", tillMidnight, "2026-06-15T00:00:00.000Z", false],
    ["goes from Sunday into Monday", schedule("UTC", "23:00", "01:00", "sun"), "2026-06-15T00:59:00.000Z", true],
    ["holds before 1970 too", schedule("UTC", "23:00", "00:00", "wed"), "1969-12-31T23:59:59.999Z", true],
    ["knows zones a quarter of an hour apart", schedule("Asia/Kathmandu", "05:45", "05:46", "mon"), "2026-06-15T00:00:00.000Z", true],
  ])("%s", (_, given, at, answer) => {
    expect(holds(given, at)).toBe(answer);
  });

  // In Berlin 02:00 to 03:00 is left out on 2026-03-29 and repeated on 2026-10-25, both Sundays.
  it.each<[string, Schedule, string, boolean]>([
    [
      "a window in the hour left out never holds: before",
      schedule("Europe/Berlin", "02:00", "03:00", "sun"),
      "2026-03-29T00:59:59.999Z",
      false,
    ],
    [
      "a window in the hour left out never holds: after",
      schedule("Europe/Berlin", "02:00", "03:00", "sun"),
      "2026-03-29T01:00:00.000Z",
      false,
    ],
    ["a window round it is an hour shorter", schedule("Europe/Berlin", "01:00", "04:00", "sun"), "2026-03-29T02:00:00.000Z", false],
    ["and holds to its end", schedule("Europe/Berlin", "01:00", "04:00", "sun"), "2026-03-29T01:59:59.999Z", true],
    ["the repeated hour counts the first time", schedule("Europe/Berlin", "02:00", "03:00", "sun"), "2026-10-25T00:30:00.000Z", true],
    ["the repeated hour counts the second time", schedule("Europe/Berlin", "02:00", "03:00", "sun"), "2026-10-25T01:30:00.000Z", true],
    ["and no third time", schedule("Europe/Berlin", "02:00", "03:00", "sun"), "2026-10-25T02:00:00.000Z", false],
    ["a night over the change ends by the clock", schedule("Europe/Berlin", "22:00", "06:00", "sat"), "2026-10-25T04:59:59.999Z", true],
    ["and not an hour before or after", schedule("Europe/Berlin", "22:00", "06:00", "sat"), "2026-10-25T05:00:00.000Z", false],
  ])("on the days of daylight saving %s", (_, given, at, answer) => {
    expect(holds(given, at)).toBe(answer);
  });

  it("holds in any of its windows", () => {
    const two: Schedule = {
      timezone: "UTC",
      windows: [
        { days: ["mon", "tue"], from: "08:00", to: "09:00" },
        { days: ["tue"], from: "17:00", to: "18:00" },
      ],
    };
    const hours = ["15T08:30", "15T17:30", "16T08:30", "16T17:30"].map((time) => holds(two, `2026-06-${time}:00Z`));
    expect(hours).toEqual([true, false, true, true]);
  });

  it("gives the same answer in whatever order it is asked", () => {
    const asked = within(office);
    const instants = Array.from({ length: 200 }, (_, i) => Date.parse("2026-06-15T05:58:00Z") + i * 1700);
    const forwards = instants.map(asked);
    expect([...instants].reverse().map(asked).reverse()).toEqual(forwards);
    expect(instants.map((at) => within(office)(at))).toEqual(forwards);
    expect(new Set(forwards).size).toBe(2);
  });

  it("agrees with the zone's own clock on every quarter of an hour of a year", () => {
    const given = schedule("America/New_York", "21:30", "02:30", "sat", "wed");
    const wall = new Intl.DateTimeFormat("en-GB", {
      timeZone: "America/New_York",
      weekday: "short",
      timeStyle: undefined,
      hour: "2-digit",
      minute: "2-digit",
    });
    const asked = within(given);
    let held = 0;
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 900_000) {
      const text = wall.format(at);
      const evening = /^(Sat|Wed)/.test(text) && text.slice(-5) >= "21:30";
      const morning = /^(Sun|Thu)/.test(text) && text.slice(-5) < "02:30";
      expect([text, asked(at)]).toEqual([text, evening || morning]);
      if (evening || morning) held++;
    }
    expect(held).toBeGreaterThan(1000);
  });
});

it("knows a zone by its name", () => {
  expect(["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"].map(isZone)).toEqual([true, true, true]);
  expect(["", "Mars/Olympus", "+02:00", "Europe", "Europe/Berlin "].map(isZone)).toEqual([false, false, false, false, false]);
});

it("reads times of day from 00:00 to 23:59", () => {
  expect(["00:00", "07:05", "23:59"].map(minuteOfDay)).toEqual([0, 425, 1439]);
  for (const time of ["24:00", "7:05", "07:60", "07:05:00", "", " 07:05", "-1:00"]) expect(minuteOfDay(time)).toBeUndefined();
});

it("knows seven days, Monday first", () => {
  expect(weekdays).toEqual(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
});
