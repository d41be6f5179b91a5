/** Crossings and stays counted on two sides: as they stand in the log, and as a candidate finds them. */
import type { BacktestCrossings, BacktestStays, BacktestTripwire, ThenNow } from "../domain/backtest-rows.ts";
import type { Direction } from "../domain/camera.ts";
import { keyText } from "../domain/envelope.ts";
import type { Crossing, Presence } from "../domain/event.ts";
import { crossingKey, presenceKey } from "./derived-of.ts";
import type { Holding } from "./holding.ts";

type Counted = "then" | "now";
/** Of one object: entries and exits then, entries and exits now. */
type Tracks = Map<string, [number, number, number, number]>;
type Wire = { readonly camera: string; readonly tripwireId: string; readonly types: Map<string, Tracks> };
type Place = {
  readonly camera: string;
  readonly analytic: "fov" | "roi";
  readonly placeId: string;
  readonly stays: Record<Counted, number>;
};

const beside = (then: number, now: number) => ({ then, now });

export type ThenNowCounts = {
  crossing(side: Counted, crossing: Crossing): void;
  presence(side: Counted, presence: Presence): void;
  /** A place where there may have been nothing is told of too. */
  wire(camera: string, tripwireId: string): void;
  place(camera: string, analytic: "fov" | "roi", placeId: string): void;
  rows(): readonly (BacktestTripwire | BacktestCrossings | BacktestStays)[];
};

const DIRECTIONS = ["entry", "exit"] as const;

export const createThenNow = (holding: Holding): ThenNowCounts => {
  const wires = new Map<string, Wire>();
  const places = new Map<string, Place>();
  /** What a recomputation said of those it spoke of. */
  const retracted = new Map<string, boolean>();

  const wireOf = (camera: string, tripwireId: string): Wire => {
    const key = keyText(camera, tripwireId);
    const known = wires.get(key);
    if (known !== undefined) return known;
    const fresh: Wire = { camera, tripwireId, types: new Map() };
    wires.set(key, fresh);
    return fresh;
  };
  const placeOf = (camera: string, analytic: "fov" | "roi", placeId: string): Place => {
    const key = keyText(keyText(camera, analytic), placeId);
    const known = places.get(key);
    if (known !== undefined) return known;
    const fresh: Place = { camera, analytic, placeId, stays: beside(0, 0) };
    places.set(key, fresh);
    return fresh;
  };
  /** By how much an event changes the count: a later revision says no more than whether it was one. */
  const change = (correction: Crossing["correction"], key: () => string): number => {
    if (correction === undefined || correction.revision === 0) return 1;
    const name = key();
    const before = retracted.get(name);
    if (before === undefined) holding.add(1);
    retracted.set(name, correction.retracted);
    return Number(before ?? false) - Number(correction.retracted);
  };
  const trackOf = ({ types }: Wire, type: string, object: string): [number, number, number, number] => {
    const tracks: Tracks = types.get(type) ?? new Map();
    types.set(type, tracks);
    const known = tracks.get(object);
    if (known !== undefined) return known;
    holding.add(1);
    const fresh: [number, number, number, number] = [0, 0, 0, 0];
    tracks.set(object, fresh);
    return fresh;
  };

  return {
    crossing: (side, crossing) => {
      const track = trackOf(wireOf(crossing.camera, crossing.place.id), crossing.object.type, crossing.object.id);
      const column = (side === "then" ? 0 : 2) + (crossing.direction === "entry" ? 0 : 1);
      track[column as 0] += change(crossing.correction, () => crossingKey(crossing));
    },
    presence: (side, presence) => {
      const { camera, place, change: what } = presence;
      if (what !== "entered" || place.analytic === "tripwire") return;
      placeOf(camera, place.analytic, place.id).stays[side] += change(presence.correction, () => presenceKey(presence));
    },
    wire: (camera, id) => void wireOf(camera, id),
    place: (camera, analytic, id) => void placeOf(camera, analytic, id),
    rows: () => [
      ...[...wires.values()].flatMap(tripwireRows),
      ...[...wires.values()].flatMap(crossingRows),
      ...Array.from(places.values(), ({ stays, ...place }): BacktestStays => ({ row: "stays", ...place, ...stays })),
    ],
  };
};

const columns = (direction: Direction): readonly [then: 0 | 1, now: 2 | 3] => (direction === "entry" ? [0, 2] : [1, 3]);

type Track = readonly number[];
const sum = (all: Iterable<Tracks>, of: (track: Track) => readonly [then: number, now: number]): ThenNow => {
  let [atThen, atNow] = [0, 0];
  for (const tracks of all)
    for (const track of tracks.values()) {
      const [then, now] = of(track);
      atThen += then;
      atNow += now;
    }
  return beside(atThen, atNow);
};
const went = (track: Track, column: number): number => track[column] as number;
const is = (truth: boolean): number => (truth ? 1 : 0);

const tripwireRows = ({ camera, tripwireId, types }: Wire): readonly BacktestTripwire[] =>
  DIRECTIONS.map((direction) => {
    const [then, now] = columns(direction);
    const both = sum(types.values(), (track) => [went(track, then), went(track, now)]);
    return { row: "tripwire", camera, tripwireId, direction, ...both };
  });

const crossingRows = ({ camera, tripwireId, types }: Wire): readonly BacktestCrossings[] =>
  [...types].flatMap(([objectType, tracks]): readonly BacktestCrossings[] => {
    const head = { row: "crossings" as const, camera, tripwireId, objectType };
    const either = sum([tracks], ([thenIn = 0, thenOut = 0, nowIn = 0, nowOut = 0]) => [is(thenIn + thenOut > 0), is(nowIn + nowOut > 0)]);
    const ways = DIRECTIONS.map((direction): BacktestCrossings => {
      const [then, now] = columns(direction);
      const [thenBack, nowBack] = columns(direction === "entry" ? "exit" : "entry");
      return {
        ...head,
        direction,
        raw: sum([tracks], (track) => [went(track, then), went(track, now)]),
        distinct: sum([tracks], (track) => [is(went(track, then) > 0), is(went(track, now) > 0)]),
        net: sum([tracks], (track) => [is(went(track, then) > went(track, thenBack)), is(went(track, now) > went(track, nowBack))]),
      };
    });
    return [...ways, { ...head, direction: "either", distinct: either }];
  });
