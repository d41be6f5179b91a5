/**
 * Alerts as they were raised beside alerts as a candidate raises them: only then, only now, or both.
 *
 * 1. Of each the highest revision counts. What was retracted was not raised.
 * 2. An alert belongs to [from, to) by `raisedAt` of its revision 0. What is said of it at `until` or later is not heard, on either side.
 * 3. Two are the same by their id, else by rule, place, direction and start; each is matched once.
 * 4. A matched pair has changed where the two tell anything else, ids, versions and arrivals aside.
 */
import type { BacktestAlert, BacktestRule } from "../domain/backtest-rows.ts";
import { type Instant, keyText } from "../domain/envelope.ts";
import type { Alert } from "../domain/event.ts";
import { same } from "../domain/same.ts";
import { alertKey } from "./derived-of.ts";
import type { Holding } from "./holding.ts";

export type Difference = {
  /** What the log tells, in its order; all of it before the first `now` after the beginning or after `rest`. */
  raised(alert: Alert): void;
  /** What the candidate tells, in its order: the rows that follow. Occupancies wait for their end. */
  now(alert: Alert): readonly BacktestAlert[];
  /** Whether anything of this camera waits for its end. */
  isOpen(tenant: string, camera: string): boolean;
  /** The candidate's that have not ended, and all that only was raised then. */
  rest(): Iterable<BacktestAlert>;
  /** A rule that may have raised nothing is told of too. */
  rule(of: Pick<Alert, "camera" | "place" | "ruleId" | "ruleType">): void;
  rules(): readonly BacktestRule[];
};

type Totals = { -readonly [P in keyof BacktestRule]: BacktestRule[P] };

const likeness = ({ tenant, camera, ruleId, place, direction, start }: Alert): string =>
  JSON.stringify([tenant, camera, ruleId, place.analytic, place.id, direction ?? null, start]);

/** What it tells whom it concerns. */
const told = (alert: Alert) => ({ ...alert, receivedAt: 0, id: "", revision: 0, ruleVersion: 0, place: { ...alert.place, epoch: 0 } });

/** As text first: nearly all are equal, in the order of their fields too, and that is told ten times as fast. */
const isOther = (then: Alert, now: Alert): boolean =>
  JSON.stringify(told(then)) !== JSON.stringify(told(now)) && !same(told(then), told(now));

const isClosedLater = ({ ruleType }: Alert): boolean => ruleType === "occupancy";

export const createDifference = (
  range: { readonly from: Instant; readonly to: Instant; readonly until: Instant },
  holding: Holding,
): Difference => {
  const before = new Map<string, Alert>();
  const open = new Map<string, Alert>();
  const openAt = new Map<string, number>();
  let alike: Map<string, string[]> | undefined;
  const totals = new Map<string, Totals>();

  const totalsOf = ({ camera, place, ruleId, ruleType }: Pick<Alert, "camera" | "place" | "ruleId" | "ruleType">): Totals => {
    const key = JSON.stringify([camera, place.analytic, place.id, ruleId]);
    const known = totals.get(key);
    if (known !== undefined) return known;
    const { analytic, id: placeId } = place;
    const fresh: Totals = { row: "rule", camera, analytic, placeId, ruleId, ruleType, onlyThen: 0, onlyNow: 0, both: 0, changed: 0 };
    totals.set(key, fresh);
    return fresh;
  };
  const isRaisedHere = ({ revision, raisedAt }: Alert): boolean => revision === 0 && raisedAt >= range.from && raisedAt < range.to;
  const isHeard = ({ raisedAt, retracted }: Alert): boolean => retracted || raisedAt < range.until;
  const hold = (alert: Alert): void => holding.add(1 + (alert.objects?.length ?? 0));

  /** All that was raised then is known. */
  const sift = (): Map<string, string[]> => {
    const byLikeness = new Map<string, string[]>();
    for (const [key, alert] of before) {
      if (alert.retracted) before.delete(key);
      else {
        const like = likeness(alert);
        byLikeness.set(like, [...(byLikeness.get(like) ?? []), key]);
      }
    }
    return byLikeness;
  };
  const counterpart = (alert: Alert): Alert | undefined => {
    alike ??= sift();
    const key = alertKey(alert);
    const found = before.has(key) ? key : alike.get(likeness(alert))?.find((other) => before.has(other));
    if (found === undefined) return undefined;
    const then = before.get(found);
    before.delete(found);
    return then;
  };
  const rowOf = (now: Alert): BacktestAlert => {
    const then = counterpart(now);
    const of = totalsOf(now);
    if (then === undefined) {
      of.onlyNow++;
      return { row: "alert", side: "now", changed: false, now };
    }
    const changed = isOther(then, now);
    of.both++;
    if (changed) of.changed++;
    return { row: "alert", side: "both", changed, then, now };
  };
  const cameraOf = ({ tenant, camera }: Pick<Alert, "tenant" | "camera">): string => keyText(tenant, camera);
  const opened = (alert: Alert, by: 1 | -1): void => {
    const camera = cameraOf(alert);
    openAt.set(camera, (openAt.get(camera) ?? 0) + by);
  };

  return {
    raised: (alert) => {
      const key = alertKey(alert);
      const known = before.get(key);
      if (known === undefined ? !isRaisedHere(alert) : alert.revision <= known.revision || !isHeard(alert)) return;
      if (known === undefined) hold(alert);
      before.set(key, alert);
    },
    now: (alert) => {
      const key = alertKey(alert);
      const known = open.get(key);
      if (known !== undefined) {
        if (!isHeard(alert)) return [];
        open.delete(key);
        opened(alert, -1);
        return [rowOf(alert)];
      }
      if (!isRaisedHere(alert)) return [];
      if (!isClosedLater(alert)) return [rowOf(alert)];
      hold(alert);
      open.set(key, alert);
      opened(alert, 1);
      return [];
    },
    isOpen: (tenant, camera) => (openAt.get(cameraOf({ tenant, camera })) ?? 0) > 0,
    rest: function* () {
      for (const alert of open.values()) yield rowOf(alert);
      open.clear();
      alike ??= sift();
      for (const then of before.values()) {
        totalsOf(then).onlyThen++;
        yield { row: "alert", side: "then", changed: false, then };
      }
      before.clear();
      alike = undefined;
    },
    rule: (of) => void totalsOf(of),
    rules: () => [...totals.values()],
  };
};
