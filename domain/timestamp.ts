/** RFC 3339 text to an instant: the one reading of it, for frames, questions and commands alike. */
import type { Instant } from "./envelope.ts";

const GENERAL = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|([+-])(\d\d):(\d\d))$/;
const ZONELESS = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?$/;
const MINUTE_MS = 60_000;

/** Why a text names no instant, in words for the sender. */
export type NoInstant = "has no zone" | "is no RFC 3339 timestamp" | "names no real date or time";

const monthDays = (year: number, month: number): number =>
  month === 2
    ? (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
      ? 29
      : 28
    : month === 4 || month === 6 || month === 9 || month === 11
      ? 30
      : 31;

/** Days since 1970-01-01 in the Gregorian calendar, years counted from March so that the leap day comes last. */
const daysSinceEpoch = (year: number, month: number, day: number): number => {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
};

/** `second` 60 is a leap second: only at 23:59 UTC at the end of a month. It counts as the last millisecond before midnight, so that order is kept. */
const instant = (
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  ms: number,
  offset: number,
): Instant | NoInstant => {
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month) || hour > 23 || minute > 59 || second > 60) {
    return "names no real date or time";
  }
  const start = daysSinceEpoch(year, month, day) * 86_400_000 + (hour * 60 + minute - offset) * MINUTE_MS;
  if (second === 60) {
    const midnight = start + MINUTE_MS;
    if (midnight % 86_400_000 !== 0 || new Date(midnight).getUTCDate() !== 1) return "names no real date or time";
    return midnight - 1;
  }
  return start + second * 1000 + ms;
};

const two = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
};

/** `2026-01-01T00:00:00.000Z`, by far the most frequent form, read without a regular expression. NaN in any part: not of this form. */
const plain = (text: string): Instant | NoInstant | undefined => {
  if (
    text.length !== 24 ||
    text[4] !== "-" ||
    text[7] !== "-" ||
    text[10] !== "T" ||
    text[13] !== ":" ||
    text[16] !== ":" ||
    text[19] !== "." ||
    text[23] !== "Z"
  ) {
    return undefined;
  }
  const year = two(text, 0) * 100 + two(text, 2);
  const hundreds = text.charCodeAt(20) - 48;
  if (!(hundreds >= 0 && hundreds <= 9)) return undefined;
  const month = two(text, 5);
  const day = two(text, 8);
  const hour = two(text, 11);
  const minute = two(text, 14);
  const second = two(text, 17);
  const ms = hundreds * 100 + two(text, 21);
  if (Number.isNaN(year + month + day + hour + minute + second + ms)) return undefined;
  return instant(year, month, day, hour, minute, second, ms, 0);
};

/** RFC 3339 with a zone. Beyond milliseconds digits are cut off, not rounded. Before 1970 it is negative. */
export const instantOf = (text: string): Instant | NoInstant => {
  const quick = plain(text);
  if (quick !== undefined) return quick;
  const parts = GENERAL.exec(text);
  if (parts === null) return ZONELESS.test(text) ? "has no zone" : "is no RFC 3339 timestamp";
  const offsetHours = Number(parts[10] ?? 0);
  const offsetMinutes = Number(parts[11] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return "names no real date or time";
  return instant(
    Number(parts[1]),
    Number(parts[2]),
    Number(parts[3]),
    Number(parts[4]),
    Number(parts[5]),
    Number(parts[6]),
    Number((parts[7] ?? "").slice(0, 3).padEnd(3, "0")),
    (parts[9] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes),
  );
};
