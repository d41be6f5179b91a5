/**
 * What somebody saw held against what a candidate's wires found.
 *
 * 1. A label is found by a crossing of its wire in its direction that is no further away than the tolerance; each finds or is found once.
 * 2. Which finds which is chosen so that as many as possible are found.
 * 3. precision: crossings that a label is found by, of all crossings; recall: labels that are found, of all labels. Of nothing there is neither.
 * 4. Only wires that have a label are judged, in both directions: of the others nobody said that they were looked at.
 */
import type { BacktestLabels } from "../domain/backtest-rows.ts";
import type { Direction } from "../domain/camera.ts";
import type { Instant } from "../domain/envelope.ts";
import type { Crossing } from "../domain/event.ts";
import type { Label } from "../domain/job.ts";
import type { Holding } from "./holding.ts";

export type Labelled = { add(crossing: Crossing): void; rows(): readonly BacktestLabels[] };

/** How many of the one can be paired with one of the other within the tolerance. Both ascending. */
export const pairs = (some: readonly Instant[], others: readonly Instant[], tolerance: number): number => {
  let found = 0;
  for (let i = 0, k = 0; i < some.length && k < others.length; ) {
    const apart = (others[k] as Instant) - (some[i] as Instant);
    if (apart < -tolerance) k++;
    else if (apart > tolerance) i++;
    else {
      found++;
      i++;
      k++;
    }
  }
  return found;
};

const ascending = (instants: readonly Instant[]): readonly Instant[] => [...instants].sort((a, b) => a - b);

type Judged = {
  readonly camera: string;
  readonly tripwireId: string;
  readonly direction: Direction;
  readonly labels: Instant[];
  readonly crossings: Instant[];
};

export const createLabelled = (labels: readonly Label[], tolerance: number, holding: Holding): Labelled => {
  const judged = new Map<string, Judged>();
  const wires = new Set(labels.map(({ tripwireId }) => tripwireId));
  const keyOf = (camera: string, tripwireId: string, direction: Direction): string => JSON.stringify([camera, tripwireId, direction]);
  for (const { camera, tripwireId } of labels)
    for (const direction of ["entry", "exit"] as const) {
      const key = keyOf(camera, tripwireId, direction);
      if (!judged.has(key)) judged.set(key, { camera, tripwireId, direction, labels: [], crossings: [] });
    }
  for (const { camera, tripwireId, direction, at } of labels) judged.get(keyOf(camera, tripwireId, direction))?.labels.push(at);
  return {
    add: ({ camera, place, direction, at }) => {
      if (!wires.has(place.id)) return;
      const one = judged.get(keyOf(camera, place.id, direction));
      if (one === undefined) return;
      holding.add(1);
      one.crossings.push(at);
    },
    rows: () =>
      [...judged.values()].map(({ camera, tripwireId, direction, labels: seen, crossings }) => {
        const found = pairs(ascending(seen), ascending(crossings), tolerance);
        return {
          row: "labels",
          camera,
          tripwireId,
          direction,
          labels: seen.length,
          crossings: crossings.length,
          found,
          ...(crossings.length === 0 ? {} : { precision: found / crossings.length }),
          ...(seen.length === 0 ? {} : { recall: found / seen.length }),
        };
      }),
  };
};
