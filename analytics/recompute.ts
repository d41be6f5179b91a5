/**
 * What a recomputation has to tell: `found`, the range derived again, beside `held`, what the derived log has of it.
 *
 *      held   found
 *       =       =      nothing
 *       a       b      b, the revision after a's
 *       a       -      a retracted, the revision after a's
 *       -       b      b
 *
 * 1. What had not ended when the recomputation was asked for, here or there, is left to live: an alert that may still be closed, a stay whose
 *    end is to come, and stays of the same object at the same place that overlap such a one.
 * 2. A stay that lies in the range with its beginning or its end is compared whole.
 * 3. All of it arrived when the recomputation was asked for: before that nobody knew. Contents are compared without arrivals.
 * 4. A crossing that nobody knew of is late, whatever is said of it afterwards.
 * 5. Comparing stops for breath every few hundred keys: the generators yield there, and whoever drives them lets live go first.
 */
import type { Instant } from "../domain/envelope.ts";
import type { Alert, Corrected, Crossing, Presence } from "../domain/event.ts";
import { JobFailure } from "../domain/job.ts";
import { limits } from "../domain/limits.ts";
import { same } from "../domain/same.ts";
import { isRetracted } from "./derived-of.ts";
import { type AlertLine, alertIn, crossingIn, type Findings, revisionOf, type Stay, stayIn } from "./findings.ts";

/** What differs, before it is told. */
export type Differences = {
  readonly alerts: readonly Correction<Alert>[];
  readonly crossings: readonly Correction<Crossing>[];
  readonly stays: readonly Correction<Presence>[];
};

/** What is to be told. */
export type Corrections = {
  readonly alerts: Corrected;
  readonly crossings: Corrected;
  readonly stays: Corrected;
  /** By event time; at one instant what is taken back comes first. */
  readonly events: readonly (Alert | Crossing | Presence)[];
};

type Kind = "raised" | "revised" | "retracted";
type Correction<E> = { readonly what: Kind; readonly events: readonly E[] };

/** Keys that are compared before others have their turn: about a millisecond. */
const BREATH = 500;

/** Compares. Yields now and then. Throws JobFailure where more differs than is committed at once (limit recomputeCorrections). */
export function* differ(held: Findings, found: Findings, most: number = limits.recomputeCorrections): Generator<undefined, Differences> {
  const count = { left: most, breath: 0 };
  const alerts = yield* correctAlerts(held, found, count);
  const crossings = yield* correctCrossings(held, found, count);
  const stays = yield* correctStays(held, found, count);
  return { alerts, crossings, stays };
}

/** In the order in which it is told, with its sums; `isLive` is for alerts that live told of meanwhile: it knows more of them. */
export const corrections = (all: Differences, receivedAt: Instant, isLive: (alert: Alert) => boolean): Corrections => {
  const { crossings, stays } = all;
  const alerts = all.alerts.filter(({ events }) => !events.some(isLive));
  const ordered = [...stays, ...crossings, ...alerts].flatMap(({ what, events }) => events.map((event) => ({ what, event })));
  ordered.sort((a, b) => timeOf(a.event) - timeOf(b.event) || rankOf(a.what) - rankOf(b.what));
  return {
    alerts: sumOf(alerts),
    crossings: sumOf(crossings),
    stays: sumOf(stays),
    events: ordered.map(({ event }) => ({ ...event, receivedAt })),
  };
};

type Count = { left: number; breath: number };

const put = <E>(out: Correction<E>[], count: Count, correction: Correction<E>): void => {
  count.left -= correction.events.length;
  if (count.left < 0) throw new JobFailure("More would change than the events that can be told at once: ask for a shorter time.");
  out.push(correction);
};

const timeOf = (event: Alert | Crossing | Presence): Instant =>
  event.kind === "alert" ? event.raisedAt : event.kind === "crossing" ? event.confirmedAt : event.at;
const rankOf = (what: Kind): number => (what === "retracted" ? 0 : 1);

const sumOf = (corrections: readonly Correction<unknown>[]): Corrected => {
  const sum = { raised: 0, revised: 0, retracted: 0 };
  for (const { what } of corrections) sum[what]++;
  return sum;
};

/** Keys of either side that lie in the range, those held first. Stops for breath before each few of all that are looked at. */
function* keysIn<T>(
  held: ReadonlyMap<string, T>,
  found: ReadonlyMap<string, T>,
  isIn: (one: T) => boolean,
  count: Count,
): Generator<string | undefined> {
  for (const [key, one] of held) {
    if (++count.breath % BREATH === 0) yield undefined;
    const other = found.get(key);
    if (isIn(one) || (other !== undefined && isIn(other))) yield key;
  }
  for (const [key, one] of found) {
    if (++count.breath % BREATH === 0) yield undefined;
    if (!held.has(key) && isIn(one)) yield key;
  }
}

/** An occupancy is closed by its revision 1. */
const isOpen = ({ truth }: AlertLine): boolean => truth.ruleType === "occupancy" && truth.revision === 0;
const bare = (alert: Alert): Alert => ({ ...alert, receivedAt: 0, revision: 0, retracted: false });

function* correctAlerts(held: Findings, found: Findings, count: Count): Generator<undefined, readonly Correction<Alert>[]> {
  const out: Correction<Alert>[] = [];
  for (const key of keysIn(held.alerts, found.alerts, (line) => alertIn(held.range, line), count)) {
    if (key === undefined) {
      yield undefined;
      continue;
    }
    const before = held.alerts.get(key);
    const now = found.alerts.get(key);
    if ((before && isOpen(before)) || (now && isOpen(now))) continue;
    if (before === undefined) {
      if (now !== undefined) put(out, count, { what: "raised", events: now.told });
    } else if (now !== undefined) {
      if (before.truth.retracted || !same(bare(before.truth), bare(now.truth)))
        put(out, count, {
          what: before.truth.retracted ? "raised" : "revised",
          events: [{ ...now.truth, revision: before.truth.revision + 1 }],
        });
    } else if (!before.truth.retracted) {
      put(out, count, { what: "retracted", events: [{ ...before.truth, revision: before.truth.revision + 1, retracted: true }] });
    }
  }
  return out;
}

const correction = (before: Crossing | Presence, retracted: boolean): Pick<Crossing, "correction"> => ({
  correction: { revision: revisionOf(before) + 1, retracted },
});
const contents = <E extends Crossing | Presence>(event: E): E => ({ ...event, receivedAt: 0, correction: undefined, late: false });

/** Undefined where nothing is to be said. */
const corrected = <E extends Crossing | Presence>(before: E, now: E | undefined): Correction<E> | undefined => {
  if (now === undefined)
    return isRetracted(before) ? undefined : { what: "retracted", events: [{ ...before, ...correction(before, true) }] };
  if (!isRetracted(before) && same(contents(before), contents(now))) return undefined;
  return { what: isRetracted(before) ? "raised" : "revised", events: [{ ...now, ...correction(before, false) }] };
};

function* correctCrossings(held: Findings, found: Findings, count: Count): Generator<undefined, readonly Correction<Crossing>[]> {
  const out: Correction<Crossing>[] = [];
  for (const key of keysIn(held.crossings, found.crossings, (crossing) => crossingIn(held.range, crossing), count)) {
    if (key === undefined) {
      yield undefined;
      continue;
    }
    const before = held.crossings.get(key);
    const now = found.crossings.get(key);
    if (before === undefined) {
      if (now !== undefined) put(out, count, { what: "raised", events: [{ ...now, late: true }] });
      continue;
    }
    const told = corrected(before, now && { ...now, late: before.late });
    if (told !== undefined) put(out, count, told);
  }
  return out;
}

const isWhole = ({ entered, left }: Stay): boolean => entered !== undefined && left !== undefined;
const eitherOf = ({ entered, left }: Stay): Presence => (entered ?? left) as Presence;
/** Who is where: one object is at one place once at a time. */
const whoOf = (stay: Stay): string => {
  const { object, place } = eitherOf(stay);
  return JSON.stringify([object.id, place.analytic, place.id]);
};
const startOf = (stay: Stay): Instant => eitherOf(stay).start;
const endOf = ({ left }: Stay): Instant => left?.at ?? Number.POSITIVE_INFINITY;
const isGone = (stay: Stay): boolean => isRetracted(eitherOf(stay));

/** Stays of which one side has half: whoever was there meanwhile is live's to tell. A stay both have is the same stay, whatever its end. */
function* leftAlone(held: Findings, found: Findings, count: Count): Generator<undefined, ReadonlyMap<string, readonly Stay[]>> {
  const alone = new Map<string, Stay[]>();
  for (const [here, there] of [
    [held, found],
    [found, held],
  ] as const) {
    for (const [key, stay] of here.stays) {
      if (++count.breath % BREATH === 0) yield undefined;
      const same = there.stays.get(key);
      const isEnded = stay.left !== undefined && same?.left !== undefined;
      if (isGone(stay) || isWhole(stay) || isEnded) continue;
      const who = whoOf(stay);
      alone.set(who, [...(alone.get(who) ?? []), stay]);
    }
  }
  return alone;
}

function* correctStays(held: Findings, found: Findings, count: Count): Generator<undefined, readonly Correction<Presence>[]> {
  const alone = yield* leftAlone(held, found, count);
  const isAlone = (stay: Stay): boolean =>
    (alone.get(whoOf(stay)) ?? []).some((other) => startOf(stay) < endOf(other) && startOf(other) < endOf(stay));
  const out: Correction<Presence>[] = [];
  for (const key of keysIn(held.stays, found.stays, (stay) => stayIn(held.range, stay), count)) {
    if (key === undefined) {
      yield undefined;
      continue;
    }
    const before = held.stays.get(key);
    const now = found.stays.get(key);
    const one = (before ?? now) as Stay;
    if (before !== undefined && now !== undefined) {
      const told = (["entered", "left"] as const).flatMap((change) => {
        const was = before[change];
        const is = now[change];
        const said = was === undefined || is === undefined ? undefined : corrected(was, is);
        return said === undefined ? [] : [said];
      });
      // Half of it is not known on one side, and the other half would be alone.
      if (told.length === 0 || before.left === undefined || now.left === undefined) continue;
      const what = told.some((said) => said.what === "raised") ? "raised" : "revised";
      put(out, count, { what, events: told.flatMap(({ events }) => events) });
    } else if (isWhole(one) && !isAlone(one)) {
      const both = [one.entered as Presence, one.left as Presence];
      if (before === undefined) put(out, count, { what: "raised", events: both });
      else {
        const events = both.flatMap((presence) => corrected(presence, undefined)?.events ?? []);
        if (events.length > 0) put(out, count, { what: "retracted", events });
      }
    }
  }
  return out;
}
