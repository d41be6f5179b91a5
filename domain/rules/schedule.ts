/**
 * Weekly windows on the wall clock of a named zone. The only user of Intl in the core: the laws hold for one version of the zone data.
 *
 * 1. A window is [from, to) on each of its days; `to` not after `from` means the next day, so from 08:00 to 08:00 is a whole day.
 * 2. It is what a clock on the wall shows: where an hour is left out it never comes, where one is repeated it counts both times.
 */
import type { Schedule, Weekday } from "../camera.ts";
import type { Instant } from "../envelope.ts";

export const weekdays: readonly Weekday[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const clocks = new Map<string, Intl.DateTimeFormat>();

const clockIn = (timezone: string): Intl.DateTimeFormat => {
  const known = clocks.get(timezone);
  if (known !== undefined) return known;
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
  clocks.set(timezone, clock);
  return clock;
};

/** Whether this is a zone with a name. `+02:00` is none: it knows no daylight saving. */
export const isZone = (timezone: string): boolean => {
  if (!/^[A-Za-z]/.test(timezone)) return false;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: timezone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

/** Minutes since midnight of `HH:MM`; undefined for what is no such time. */
export const minuteOfDay = (time: string): number | undefined => {
  const found = /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(time);
  return found === null ? undefined : Number(found[1]) * 60 + Number(found[2]);
};

const wallClock = (timezone: string, at: Instant): { readonly day: number; readonly minute: number } => {
  const parts = new Map(
    clockIn(timezone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const day = weekdays.indexOf((parts.get("weekday") as string).toLowerCase() as Weekday);
  return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
};

/** Whether an instant lies in one of the windows. Asks Intl once a minute of event time. */
export const within = ({ timezone, windows }: Schedule): ((at: Instant) => boolean) => {
  const spans = windows.flatMap(({ days, from, to }) => {
    const start = minuteOfDay(from) as number;
    const end = minuteOfDay(to) as number;
    return days.map((day) => ({ day: weekdays.indexOf(day), start, end: end > start ? end : end + 1440 }));
  });
  let known = { minute: Number.NaN, inside: false };
  return (at) => {
    const minute = Math.floor(at / 60_000);
    if (minute !== known.minute) {
      // From the minute's beginning, not from `at`: the answer must not depend on which instant was asked first.
      const now = wallClock(timezone, minute * 60_000);
      const yesterday = (now.day + 6) % 7;
      const inside = spans.some(
        ({ day, start, end }) =>
          (day === now.day && now.minute >= start && now.minute < end) || (day === yesterday && now.minute + 1440 < end),
      );
      known = { minute, inside };
    }
    return known.inside;
  };
};
