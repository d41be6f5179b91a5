/** What was found of one camera in a range of event time: alerts, crossings, and stays whole. Of each the highest revision is the truth. */
import type { Instant } from "../domain/envelope.ts";
import type { Alert, Crossing, Derived, Presence } from "../domain/event.ts";
import { alertKey, crossingKey, presenceKey, type Range } from "./derived-of.ts";

/** An alert and all it was told as, revision 0 first. */
export type AlertLine = { readonly first: Alert; readonly told: readonly Alert[]; readonly truth: Alert };
/** A stay: what is known of its beginning and its end. */
export type Stay = { readonly entered: Presence | undefined; readonly left: Presence | undefined };

export type Findings = {
  readonly range: Range;
  readonly alerts: ReadonlyMap<string, AlertLine>;
  readonly crossings: ReadonlyMap<string, Crossing>;
  /** One of which only the beginning is known has not ended; one of which only the end is known began before we looked. */
  readonly stays: ReadonlyMap<string, Stay>;
  /** How many events are held. */
  readonly size: number;
  /** In the order in which they were told. What is of no use is let go. */
  add(event: Derived): void;
};

const within = ({ from, to }: Range, at: Instant): boolean => at >= from && at < to;
export const revisionOf = (event: Alert | Crossing | Presence): number =>
  event.kind === "alert" ? event.revision : (event.correction?.revision ?? 0);

/** What makes a stay that stay. */
export const stayKey = (presence: Presence): string => presenceKey({ ...presence, change: "entered" });

/** Whether a stay begins or ends in the range: then both are looked at, or one would be left without the other. */
export const stayIn = (range: Range, { entered, left }: Stay): boolean =>
  (entered !== undefined && within(range, entered.at)) || (left !== undefined && (within(range, left.at) || within(range, left.start)));

export const alertIn = (range: Range, { first }: AlertLine): boolean => within(range, first.raisedAt);
/** As counts go: by when the wire was met, not by when that was certain. */
export const crossingIn = (range: Range, { at }: Crossing): boolean => within(range, at);

/** `others`: keys of what is held too where it lies outside of the range, since the other side has it within. */
export const createFindings = (range: Range, others: (key: string) => boolean): Findings => {
  const alerts = new Map<string, AlertLine>();
  const crossings = new Map<string, Crossing>();
  const stays = new Map<string, Stay>();
  let size = 0;

  const addAlert = (alert: Alert): void => {
    const key = alertKey(alert);
    const known = alerts.get(key);
    if (known === undefined) {
      // One whose raising is not known here was raised before we looked.
      if (alert.revision !== 0 || !(within(range, alert.raisedAt) || others(key))) return;
      alerts.set(key, { first: alert, told: [alert], truth: alert });
      size++;
    } else if (alert.revision > known.truth.revision) {
      alerts.set(key, { first: known.first, told: [...known.told, alert], truth: alert });
      size++;
    }
  };
  const addCrossing = (crossing: Crossing): void => {
    const key = crossingKey(crossing);
    const known = crossings.get(key);
    if (known === undefined ? !(crossingIn(range, crossing) || others(key)) : revisionOf(crossing) <= revisionOf(known)) return;
    if (known === undefined) size++;
    crossings.set(key, crossing);
  };
  const addPresence = (presence: Presence): void => {
    const key = stayKey(presence);
    const known = stays.get(key) ?? { entered: undefined, left: undefined };
    const before = known[presence.change];
    if (before !== undefined && revisionOf(presence) <= revisionOf(before)) return;
    const stay: Stay = { ...known, [presence.change]: presence };
    size += before === undefined ? 1 : 0;
    stays.set(key, stay);
    // A beginning is held until its end is known: that may lie in the range.
    if (stay.left === undefined || stayIn(range, stay) || others(key)) return;
    stays.delete(key);
    size -= stay.entered === undefined ? 1 : 2;
  };

  return {
    range,
    alerts,
    crossings,
    stays,
    get size() {
      return size;
    },
    add: (event) => {
      if (event.kind === "alert") addAlert(event);
      else if (event.kind === "crossing") addCrossing(event);
      else if (event.kind === "presence") addPresence(event);
    },
  };
};

/** Keys looked at before others have their turn. */
const BREATH = 2000;

/** Keys of what lies in the range here and is not known there. Yields now and then, so that others have their turn. */
export function* missingIn(there: Findings, here: Findings): Generator<undefined, ReadonlySet<string>> {
  const keys = new Set<string>();
  const { range } = here;
  let looked = 0;
  for (const [key, line] of here.alerts) {
    if (++looked % BREATH === 0) yield undefined;
    if (alertIn(range, line) && !there.alerts.has(key)) keys.add(key);
  }
  for (const [key, crossing] of here.crossings) {
    if (++looked % BREATH === 0) yield undefined;
    if (crossingIn(range, crossing) && !there.crossings.has(key)) keys.add(key);
  }
  for (const [key, stay] of here.stays) {
    if (++looked % BREATH === 0) yield undefined;
    if (stayIn(range, stay) && !there.stays.has(key)) keys.add(key);
  }
  return keys;
}
