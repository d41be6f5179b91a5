/** The edges of a histogram's buckets. */
import type { Instant } from "../../domain/envelope.ts";

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** `too-many`: more than `most` buckets. `zone-size`: a zone shifts only buckets of an hour and of a day. */
export type Edges = readonly Instant[] | "too-many" | "no-such-zone" | "zone-size";

/**
 * Ascending edges over [from, to): aligned to the epoch, or for hour and day buckets to the wall clock of `timezone`.
 * The first and last bucket are cut to the range, so that the buckets of a range add up to the range.
 * Buckets shorter than an hour are the same in every zone: offsets are whole quarters of an hour.
 */
export const bucketEdges = (from: Instant, to: Instant, seconds: number, timezone: string | undefined, most: number): Edges => {
  const zone = timezone === undefined ? undefined : wallClock(timezone);
  if (timezone !== undefined && zone === undefined) return "no-such-zone";
  if (zone !== undefined && seconds !== HOUR_SECONDS && seconds !== DAY_SECONDS && HOUR_SECONDS % seconds !== 0) return "zone-size";
  const size = seconds * 1000;
  const next = (edge: Instant): Instant => {
    if (zone !== undefined && seconds === DAY_SECONDS) return nextMidnight(edge, zone);
    if (zone !== undefined && seconds === HOUR_SECONDS) return nextHour(edge, zone);
    return (Math.floor(edge / size) + 1) * size;
  };
  if (from === to) return [];
  const edges = [from];
  for (let edge = next(from); edge < to; edge = next(edge)) {
    edges.push(edge);
    if (edges.length > most) return "too-many";
  }
  edges.push(to);
  return edges;
};

/** An instant as the zone's wall clock shows it, written as if it were UTC. */
type WallClock = (at: Instant) => number;

const clocks = new Map<string, WallClock>();

const wallClock = (timezone: string): WallClock | undefined => {
  const kept = clocks.get(timezone);
  if (kept !== undefined) return kept;
  const format = formatOf(timezone);
  if (format === undefined) return undefined;
  const clock: WallClock = (at) => {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000);
  };
  clocks.set(format.resolvedOptions().timeZone, clock);
  return clock;
};

const formatOf = (timeZone: string): Intl.DateTimeFormat | undefined => {
  try {
    return new Intl.DateTimeFormat("en-u-hc-h23-ca-gregory-nu-latn", {
      timeZone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/** A shift of the clock happens at the end of a local hour, so it is an edge, also where it leaves half an hour over (Lord Howe). */
const nextHour = (edge: Instant, clock: WallClock): Instant => {
  const intoHour = ((clock(edge) % (HOUR_SECONDS * 1000)) + HOUR_SECONDS * 1000) % (HOUR_SECONDS * 1000);
  return edge + HOUR_SECONDS * 1000 - intoHour;
};

/** The first instant of the next local day; where midnight is skipped, the shift. */
const nextMidnight = (edge: Instant, clock: WallClock): Instant => {
  const midnight = (Math.floor(clock(edge) / (DAY_SECONDS * 1000)) + 1) * DAY_SECONDS * 1000;
  const offsetNear = (at: Instant) => clock(at) - at;
  const guess = midnight - offsetNear(midnight - offsetNear(edge));
  if (guess > edge && clock(guess) === midnight && clock(guess - 1) < midnight) return guess;
  let before = edge;
  let after = edge + 2 * DAY_SECONDS * 1000;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (clock(middle) < midnight) before = middle;
    else after = middle;
  }
  return after;
};
