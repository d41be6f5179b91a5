/** Instants at the doors: RFC 3339 with a zone in, milliseconds and Z out. */
import type { Instant } from "../domain/envelope.ts";

const rfc3339 = /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Undefined: no RFC 3339 text, one without a zone, or no real date (2021-02-30). Fractions beyond the millisecond are cut off. */
export const parseInstant = (text: string): Instant | undefined => {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, date, hours, minutes, seconds, fraction = "", zone = ""] = match;
  const day = Date.parse(`${date}T00:00:00.000Z`);
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) return undefined;
  const offset = zone.toUpperCase() === "Z" ? 0 : Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  const ahead = zone.startsWith("-") ? -offset : offset;
  return day + ((Number(hours) * 60 + Number(minutes) - ahead) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0").slice(0, 3));
};

/** `2021-09-16T06:07:00.534Z`. */
export const formatInstant = (at: Instant): string => new Date(at).toISOString();
