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
 */
import type { Instant } from "../domain/envelope.ts";
import type { Alert, Corrected, Crossing, Presence } from "../domain/event.ts";
import { same } from "../domain/same.ts";
import { isRetracted } from "./derived-of.ts";
import { type AlertLine, alertIn, crossingIn, type Findings, revisionOf, type Stay, stayIn } from "./findings.ts";

export type Corrections = {
  readonly alerts: Corrected;
  readonly crossings: Corrected;
  readonly stays: Corrected;
  /** By event time; at one instant what is taken back comes first. */
  readonly events: readonly (Alert | Crossing | Presence)[];
};

type Kind = "raised" | "revised" | "retracted";
type Correction<E> = { readonly what: Kind; readonly events: readonly E[] };

export const correct = (held: Findings, found: Findings, receivedAt: Instant): Corrections => {
  const alerts = correctAlerts(held, found);
  const crossings = correctCrossings(held, found);
  const stays = correctStays(held, found);
  const ordered = [...stays, ...crossings, ...alerts].flatMap(({ what, events }) => events.map((event) => ({ what, event })));
  ordered.sort((a, b) => timeOf(a.event) - timeOf(b.event) || rankOf(a.what) - rankOf(b.what));
  return {
    alerts: sumOf(alerts),
    crossings: sumOf(crossings),
    stays: sumOf(stays),
    events: ordered.map(({ event }) => ({ ...event, receivedAt })),
  };
};

const timeOf = (event: Alert | Crossing | Presence): Instant =>
  event.kind === "alert" ? event.raisedAt : event.kind === "crossing" ? event.confirmedAt : event.at;
const rankOf = (what: Kind): number => (what === "retracted" ? 0 : 1);

const sumOf = (corrections: readonly Correction<unknown>[]): Corrected => {
  const sum = { raised: 0, revised: 0, retracted: 0 };
  for (const { what } of corrections) sum[what]++;
  return sum;
};

/** Keys of either side that lie in the range, those held first. */
const keysIn = <T>(held: ReadonlyMap<string, T>, found: ReadonlyMap<string, T>, isIn: (one: T) => boolean): ReadonlySet<string> =>
  new Set([...held, ...found].filter(([, one]) => isIn(one)).map(([key]) => key));

/** An occupancy is closed by its revision 1. */
const isOpen = ({ truth }: AlertLine): boolean => truth.ruleType === "occupancy" && truth.revision === 0;
const bare = (alert: Alert): Alert => ({ ...alert, receivedAt: 0, revision: 0, retracted: false });

const correctAlerts = (held: Findings, found: Findings): readonly Correction<Alert>[] => {
  const out: Correction<Alert>[] = [];
  for (const key of keysIn(held.alerts, found.alerts, (line) => alertIn(held.range, line))) {
    const before = held.alerts.get(key);
    const now = found.alerts.get(key);
    if ((before && isOpen(before)) || (now && isOpen(now))) continue;
    if (before === undefined) {
      if (now !== undefined) out.push({ what: "raised", events: now.told });
    } else if (now !== undefined) {
      if (before.truth.retracted || !same(bare(before.truth), bare(now.truth)))
        out.push({
          what: before.truth.retracted ? "raised" : "revised",
          events: [{ ...now.truth, revision: before.truth.revision + 1 }],
        });
    } else if (!before.truth.retracted) {
      out.push({ what: "retracted", events: [{ ...before.truth, revision: before.truth.revision + 1, retracted: true }] });
    }
  }
  return out;
};

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

const correctCrossings = (held: Findings, found: Findings): readonly Correction<Crossing>[] => {
  const out: Correction<Crossing>[] = [];
  for (const key of keysIn(held.crossings, found.crossings, (crossing) => crossingIn(held.range, crossing))) {
    const before = held.crossings.get(key);
    const now = found.crossings.get(key);
    if (before === undefined) {
      if (now !== undefined) out.push({ what: "raised", events: [{ ...now, late: true }] });
      continue;
    }
    const told = corrected(before, now && { ...now, late: before.late });
    if (told !== undefined) out.push(told);
  }
  return out;
};

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
const leftAlone = (held: Findings, found: Findings): ReadonlyMap<string, readonly Stay[]> => {
  const alone = new Map<string, Stay[]>();
  for (const [here, there] of [
    [held, found],
    [found, held],
  ] as const) {
    for (const [key, stay] of here.stays) {
      const same = there.stays.get(key);
      const isEnded = stay.left !== undefined && same?.left !== undefined;
      if (isGone(stay) || isWhole(stay) || isEnded) continue;
      const who = whoOf(stay);
      alone.set(who, [...(alone.get(who) ?? []), stay]);
    }
  }
  return alone;
};

const correctStays = (held: Findings, found: Findings): readonly Correction<Presence>[] => {
  const alone = leftAlone(held, found);
  const isAlone = (stay: Stay): boolean =>
    (alone.get(whoOf(stay)) ?? []).some((other) => startOf(stay) < endOf(other) && startOf(other) < endOf(stay));
  const out: Correction<Presence>[] = [];
  for (const key of keysIn(held.stays, found.stays, (stay) => stayIn(held.range, stay))) {
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
      out.push({ what, events: told.flatMap(({ events }) => events) });
    } else if (isWhole(one) && !isAlone(one)) {
      const both = [one.entered as Presence, one.left as Presence];
      if (before === undefined) out.push({ what: "raised", events: both });
      else {
        const events = both.flatMap((presence) => corrected(presence, undefined)?.events ?? []);
        if (events.length > 0) out.push({ what: "retracted", events });
      }
    }
  }
  return out;
};
