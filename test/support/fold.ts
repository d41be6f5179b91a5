/** Answers every question by going through the events one by one. Shares nothing with the SQL: only what is asked and answered. */
import type { Sign } from "../../domain/camera-status.ts";
import type { Alert, CameraState, Coverage, Crossing, Derived, Fact, Frame, Presence } from "../../domain/event.ts";
import type {
  AlertCount,
  OccupancyBucket,
  Questions,
  Scope,
  Stay,
  Track,
  TripwireBucket,
  TripwireCount,
  Types,
} from "../../projections/questions.ts";

type Asked<Q extends keyof Questions> = Parameters<Questions[Q]>[1];

/** Text as the warehouse orders it: by the bytes of its UTF-8. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
type Interval = Pick<Coverage, "start" | "end" | "open">;
type Key = readonly (string | number)[];
const compare = (a: Key, b: Key): number => {
  for (const [i, x] of a.entries()) {
    const y = b[i] as string | number;
    const order = typeof x === "number" ? x - (y as number) : byBytes(x, y as string);
    if (order !== 0) return order;
  }
  return 0;
};

type Corrected = Crossing | Presence;
const revisionOf = ({ correction }: Corrected): number => correction?.revision ?? 0;
const isRetracted = ({ correction }: Corrected): boolean => correction?.retracted === true;
/** Of one thing what was said last; of a repeat what stands first. */
const truthOf = <T extends Corrected>(told: readonly T[]): T | undefined =>
  told.reduce<T | undefined>((best, one) => (best === undefined || revisionOf(one) > revisionOf(best) ? one : best), undefined);

/** The first of each key, in the order of the log. */
const firstOf = <T>(all: readonly T[], key: (one: T) => Key): T[] => {
  const seen = new Map<string, T>();
  for (const one of all) {
    const name = JSON.stringify(key(one));
    if (!seen.has(name)) seen.set(name, one);
  }
  return [...seen.values()];
};
const groups = <T>(all: readonly T[], key: (one: T) => Key): T[][] => {
  const by = new Map<string, T[]>();
  for (const one of all) {
    const name = JSON.stringify(key(one));
    by.set(name, [...(by.get(name) ?? []), one]);
  }
  return [...by.values()];
};

const within = (at: number, from: number | undefined, to: number | undefined): boolean =>
  (from === undefined || at >= from) && (to === undefined || at < to);
const typesOf = (type: string, types: Types): string[] =>
  [...new Set(["*", type])].filter((t) => t === "*" || types === "every" || types?.includes(t));

const crossingKey = (c: Crossing): Key => [c.at, c.object.id, c.place.id, c.direction, c.confirmedAt, c.place.epoch];
const stayKey = (p: { start: number; object: { id: string }; place: Presence["place"] }): Key => [
  p.start,
  p.object.id,
  p.place.analytic,
  p.place.id,
  p.place.epoch,
];

/** Facts and derived events in the order of their log; `readAll` rather than pages: paging is put to the test against it. */
export const fold = (facts: readonly Fact[], derived: readonly Derived[]) => {
  const ofCamera = <T extends Fact | Derived>(all: readonly T[], { tenant, camera }: Scope): T[] =>
    all.filter((e) => e.tenant === tenant && e.camera === camera);
  const isCurrent = (scope: Scope, { analytic, id, epoch }: Presence["place"]): boolean =>
    epoch >= (scope.epochs.get(`${analytic}/${id}`) ?? 0);

  const alertsOf = (scope: Scope, analytic: Asked<"alerts">["analytic"], from: number | undefined, to: number | undefined): Alert[] => {
    const all = ofCamera(derived, scope).filter((e): e is Alert => e.kind === "alert");
    const kept = all.filter((a) => isCurrent(scope, a.place) && (analytic === undefined || a.place.analytic === analytic));
    const newest = groups(kept, (a) => [a.id]).map((revisions) => revisions.reduce((best, a) => (a.revision > best.revision ? a : best)));
    return newest.filter((a) => !a.retracted && (from === undefined || a.end > from) && (to === undefined || a.end <= to));
  };

  const crossingsOf = (scope: Scope, tripwireId: string | undefined, from: number | undefined, to: number | undefined): Crossing[] => {
    const all = ofCamera(derived, scope).filter((e): e is Crossing => e.kind === "crossing");
    const truths = groups(all, crossingKey).map((told) => truthOf(told) as Crossing);
    return truths.filter(
      (c) =>
        !isRetracted(c) && within(c.at, from, to) && isCurrent(scope, c.place) && (tripwireId === undefined || c.place.id === tripwireId),
    );
  };

  const countsOf = (crossed: readonly Crossing[], types: Types, mode: Asked<"tripwireCounts">["mode"]): TripwireCount[] => {
    const counts = new Map<string, { row: Omit<TripwireCount, "count">; ids: string[] }>();
    const add = (tripwireId: string, direction: TripwireCount["direction"], type: string, id: string): void => {
      for (const t of typesOf(type, types)) {
        const name = JSON.stringify([tripwireId, direction, t]);
        const row = counts.get(name) ?? { row: { tripwireId, direction, type: t }, ids: [] };
        row.ids.push(id);
        counts.set(name, row);
      }
    };
    if (mode === "net") {
      for (const passages of groups(crossed, (c) => [c.place.id, c.object.id, c.object.type])) {
        const [first] = passages as [Crossing];
        const balance = passages.reduce((sum, c) => sum + (c.direction === "entry" ? 1 : -1), 0);
        if (balance !== 0) add(first.place.id, balance > 0 ? "entry" : "exit", first.object.type, first.object.id);
      }
    } else {
      for (const c of crossed) {
        add(c.place.id, c.direction, c.object.type, c.object.id);
        if (mode === "distinct") add(c.place.id, "either", c.object.type, c.object.id);
      }
    }
    return [...counts.values()].map(({ row, ids }) => ({ ...row, count: mode === "distinct" ? new Set(ids).size : ids.length }));
  };

  const staysOf = (scope: Scope, analytic: "fov" | "roi" | undefined, placeId: string | undefined): Stay[] => {
    const all = ofCamera(derived, scope).filter((e): e is Presence => e.kind === "presence");
    const kept = all.filter(
      (p) =>
        isCurrent(scope, p.place) &&
        (analytic === undefined || p.place.analytic === analytic) &&
        (placeId === undefined || p.place.id === placeId),
    );
    return groups(kept, stayKey).flatMap((told) => {
      const entered = truthOf(told.filter((p) => p.change === "entered"));
      const left = truthOf(told.filter((p) => p.change === "left"));
      const telling = (entered ?? left) as Presence;
      if (isRetracted(telling)) return [];
      const { place, object, start } = telling;
      const end = left !== undefined && !isRetracted(left) ? left : undefined;
      return [{ place, object, start, end: end?.at, reason: end?.reason }];
    });
  };

  const framesOf = (scope: Scope, from: number | undefined, to: number | undefined): Frame[] =>
    firstOf(
      ofCamera(facts, scope).filter((e): e is Frame => e.kind === "frame"),
      (f) => [f.timestamp, f.id],
    )
      .filter((f) => within(f.timestamp, from, to))
      .sort((a, b) => compare([a.timestamp, a.id], [b.timestamp, b.id]));

  /** The first frame at or after an instant and those of the 65 s from it on: a minute's silence of the engine, and what one frame covers. */
  const untold = (scope: Scope, since: number): Frame[] => {
    const after = framesOf(scope, since, undefined);
    return after.filter((f) => f.timestamp < (after[0] as Frame).timestamp + 65_000);
  };

  /** What frames cover beyond the newest interval told, unless the camera's state, and not silence, ended that one. */
  const toBeTold = (scope: Scope, watched: readonly Interval[]): Interval[] => {
    const covering = (all: readonly Frame[], from: number): Interval[] =>
      all
        .map(({ timestamp }) => ({ start: Math.max(timestamp, from), end: timestamp + 5000, open: true }))
        .filter(({ start, end }) => end > start);
    if (watched.length === 0) return covering(untold(scope, Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
    const end = Math.max(...watched.map((c) => c.end));
    if (watched.every((c) => c.end < end || c.open)) return covering(untold(scope, end - 5000), end);
    return framesOf(scope, end - 4999, end).length > 0 ? [] : covering(untold(scope, end), end);
  };

  return {
    alerts: (scope: Scope, { from, to, analytic }: Omit<Asked<"alerts">, "limit" | "after">): Alert[] =>
      alertsOf(scope, analytic, from, to).sort((a, b) => compare([b.end, b.id], [a.end, a.id])),

    alert: (tenant: string, id: string): Alert | undefined => {
      const all = derived.filter((e): e is Alert => e.kind === "alert" && e.tenant === tenant && e.id === id);
      const newest = all.reduce<Alert | undefined>((best, a) => (best === undefined || a.revision > best.revision ? a : best), undefined);
      return newest?.retracted ? undefined : newest;
    },

    /** Rows of an older epoch of a place are no rows; those of every camera of the tenant count. */
    events: (
      tenant: string,
      {
        since,
        camera,
        type,
        epochs,
      }: Pick<Asked<"events">, "since" | "camera" | "type"> & { readonly epochs: (camera: string) => Scope["epochs"] },
    ): Alert[] =>
      [...new Set(derived.filter((e) => e.tenant === tenant).map((e) => e.camera))]
        .filter((one) => camera === undefined || one === camera)
        .flatMap((one) => alertsOf({ tenant, camera: one, epochs: epochs(one) }, undefined, undefined, undefined))
        .filter((a) => since === undefined || a.end >= since)
        .filter((a) => type === undefined || type === (a.ruleType === "notify" && a.objects?.[0] ? a.objects[0].type : a.ruleType))
        .sort((a, b) => compare([b.end, b.id], [a.end, a.id])),

    alertCounts: (scope: Scope, { from, to, analytic, limit }: Asked<"alertCounts">): AlertCount[] =>
      groups(alertsOf(scope, analytic, from, to), (a) => [a.place.analytic, a.ruleType, a.ruleId, a.place.id, a.direction ?? ""])
        .map((all) => {
          const [{ place, ruleType, ruleId, direction }] = all as [Alert];
          const { ruleName } = all.reduce((last, a) => (compare([a.end, a.ruleName], [last.end, last.ruleName]) > 0 ? a : last));
          return { analytic: place.analytic, ruleType, ruleId, ruleName, placeId: place.id, direction, count: all.length };
        })
        .sort((a, b) =>
          compare(
            [a.ruleId, a.placeId, a.analytic, a.ruleType, a.direction ?? ""],
            [b.ruleId, b.placeId, b.analytic, b.ruleType, b.direction ?? ""],
          ),
        )
        .slice(0, limit),

    crossings: (scope: Scope, { from, to, tripwireId }: Omit<Asked<"crossings">, "limit" | "after">): Crossing[] =>
      crossingsOf(scope, tripwireId, from, to).sort((a, b) => compare(crossingKey(b), crossingKey(a))),

    stays: (scope: Scope, { from, to, analytic, placeId }: Omit<Asked<"stays">, "limit" | "after">): Stay[] =>
      staysOf(scope, analytic, placeId)
        .filter(
          ({ start, end }) => (to === undefined || start < to) && (from === undefined || end === undefined || end > from || start >= from),
        )
        .sort((a, b) => compare(stayKey(b), stayKey(a))),

    tripwireCounts: (scope: Scope, { from, to, tripwireId, types, mode }: Asked<"tripwireCounts">): TripwireCount[] =>
      countsOf(crossingsOf(scope, tripwireId, from, to), types, mode).sort((a, b) =>
        compare([a.tripwireId, a.direction, a.type], [b.tripwireId, b.direction, b.type]),
      ),

    tripwireHistogram: (scope: Scope, { edges, tripwireId, types, mode }: Asked<"tripwireHistogram">): TripwireBucket[] =>
      edges
        .slice(0, -1)
        .flatMap((edge, bucket) =>
          countsOf(crossingsOf(scope, tripwireId, edge, edges[bucket + 1]), types, mode).map((row) => ({ ...row, bucket })),
        )
        .sort((a, b) => compare([a.tripwireId, a.bucket, a.direction, a.type], [b.tripwireId, b.bucket, b.direction, b.type])),

    occupancyHistogram: (scope: Scope, { analytic, placeId, edges, types }: Asked<"occupancyHistogram">): OccupancyBucket[] => {
      const events = ofCamera(derived, scope);
      const told = events.reduce((most, e) => Math.max(most, e.kind === "coverage" ? e.end : e.kind === "presence" ? e.at : 0), 0);
      const known = Math.max(told, ...untold(scope, told).map((f) => f.timestamp));
      const stays = staysOf(scope, analytic, placeId).map((s) => ({ ...s, end: s.end ?? known }));
      const rows: OccupancyBucket[] = [];
      for (let bucket = 0; bucket + 1 < edges.length; bucket++) {
        const [lo, hi] = [edges[bucket] as number, edges[bucket + 1] as number];
        const labelled = stays.flatMap((s) => typesOf(s.object.type, types).map((type) => ({ ...s, type })));
        for (const here of groups(labelled, (s) => [s.place.id, s.type])) {
          const instants = [...new Set([lo, hi, ...here.flatMap((s) => [s.start, s.end])])]
            .filter((t) => t >= lo && t <= hi)
            .sort((a, b) => a - b);
          let weight = 0;
          const seen: number[] = [];
          for (const [i, t] of instants.slice(0, -1).entries()) {
            const present = here.filter((s) => s.start <= t && s.end > t).length;
            weight += present * ((instants[i + 1] as number) - t);
            seen.push(present);
          }
          const [{ place, type }] = here as [(typeof here)[number]];
          const maxCount = Math.max(...seen);
          if (maxCount > 0)
            rows.push({ placeId: place.id, bucket, type, averageCount: weight / (hi - lo), maxCount, minCount: Math.min(...seen) });
        }
      }
      return rows.sort((a, b) => compare([a.placeId, a.bucket, a.type], [b.placeId, b.bucket, b.type]));
    },

    uptime: (scope: Scope, { from, to }: Asked<"uptime">): number => {
      const watched: Interval[] = ofCamera(derived, scope).filter((e): e is Coverage => e.kind === "coverage");
      watched.push(...toBeTold(scope, watched));
      if (watched.length === 0) return 0;
      const lo = from ?? Math.min(...watched.map((c) => c.start));
      const hi = to ?? Math.max(...watched.map((c) => c.end));
      if (hi <= lo) return 0;
      const instants = [...new Set([lo, hi, ...watched.flatMap((c) => [c.start, c.end])])]
        .filter((t) => t >= lo && t <= hi)
        .sort((a, b) => a - b);
      const covered = instants.slice(0, -1).reduce((sum, t, i) => {
        return watched.some((c) => c.start <= t && c.end > t) ? sum + (instants[i + 1] as number) - t : sum;
      }, 0);
      return covered / (hi - lo);
    },

    signs: (tenant: string, cameras: readonly string[] | undefined): Map<string, Sign> => {
      const signs = new Map<string, Sign>();
      for (const camera of new Set(facts.filter((e) => e.tenant === tenant).map((e) => e.camera))) {
        if (cameras?.includes(camera) === false) continue;
        const timestamps = framesOf({ tenant, camera, epochs: new Map() }, undefined, undefined).map((f) => f.timestamp);
        const words = firstOf(
          ofCamera(facts, { tenant, camera, epochs: new Map() }).filter((e): e is CameraState => e.kind === "camera-state"),
          (e) => [e.at, e.state],
        ).filter(({ state }) => state !== "other");
        const last = words.reduce<CameraState | undefined>((best, e) => (best === undefined || e.at >= best.at ? e : best), undefined);
        if (timestamps.length === 0 && last === undefined) continue;
        signs.set(camera, {
          lastFrame: timestamps.length === 0 ? undefined : Math.max(...timestamps),
          state: last?.state as Sign["state"],
          stateAt: last?.at,
        });
      }
      return signs;
    },

    frames: (scope: Scope, { from, to }: Omit<Asked<"frames">, "limit" | "after">): Frame[] => framesOf(scope, from, to),

    behavior: (scope: Scope, { from, to, types, limit }: Omit<Asked<"behavior">, "after">): Track[] => {
      const tracks: { object: { id: string; type: string }; points: [number, number, number][] }[] = [];
      for (const frame of framesOf(scope, from, to).slice(0, limit)) {
        for (const { id, type, bbox } of frame.objects) {
          if (id === "" || (types !== undefined && types !== "every" && !types.includes(type))) continue;
          let track = tracks.find((t) => t.object.id === id);
          if (track === undefined) {
            track = { object: { id, type }, points: [] };
            tracks.push(track);
          }
          track.object.type = type;
          track.points.push([frame.timestamp, (bbox.leftX + bbox.rightX) / 2, bbox.bottomY]);
        }
      }
      return tracks;
    },
  };
};
