/** What can be asked of the read models and what is answered. Each is implemented beside its table. Types only. */
import type { Analytic, Direction, RuleType } from "../domain/camera.ts";
import type { Sign } from "../domain/camera-status.ts";
import type { Instant } from "../domain/envelope.ts";
import type { Alert, Crossing, Frame, Presence } from "../domain/event.ts";
import type { Position } from "../domain/ports.ts";

/**
 * What was known: what had followed from facts that arrived then or before, or what stands before a tail of the derived log (one position a
 * partition) of this epoch. A revision that came later is not seen, what was retracted later is there.
 */
export type AsOf = { readonly arrivedBy: Instant } | { readonly before: readonly Position[]; readonly epoch: string };

/**
 * Whose rows: a tenant's camera. No question can be built without it. `epochs` are the camera's (domain/camera.ts): older rows of a place are left out.
 * `asOf`: absent for all that is known now; of frames and tracks themselves it chooses nothing.
 */
export type Scope = {
  readonly tenant: string;
  readonly camera: string;
  readonly epochs: ReadonlyMap<string, number>;
  readonly asOf?: AsOf | undefined;
};

/** Undefined ends are open. */
export type Range = { readonly from: Instant | undefined; readonly to: Instant | undefined };

/** Absent: all types together, as "*". A list: those and "*". "every": every type and "*". */
export type Types = readonly string[] | "every" | undefined;

/** Where a page ended: strictly after it in the question's order comes the next. */
export type PageKey = { readonly at: Instant; readonly id: string };
export type Page<T> = { readonly rows: readonly T[]; readonly more: PageKey | undefined };
export type Paged = { readonly limit: number; readonly after: PageKey | undefined };

/** Raw: every crossing. Distinct: objects that crossed in that direction at least once, and in either direction. Net: per object and type, entries minus exits; its sign is one entry or exit. */
export type CountMode = "raw" | "distinct" | "net";

export type AlertCount = {
  readonly analytic: Analytic;
  readonly ruleType: RuleType;
  readonly ruleId: string;
  readonly ruleName: string;
  readonly placeId: string;
  readonly direction: string | undefined;
  readonly count: number;
};
/** `either` with distinct only: an object that crossed in both directions is counted there once. */
export type TripwireCount = {
  readonly tripwireId: string;
  readonly direction: Direction | "either";
  readonly type: string;
  readonly count: number;
};
export type TripwireBucket = TripwireCount & { readonly bucket: number };
/** `placeId` is the camera's for fov. Weighted by time, empty time included. */
export type OccupancyBucket = {
  readonly placeId: string;
  readonly bucket: number;
  readonly type: string;
  readonly averageCount: number;
  readonly maxCount: number;
  readonly minCount: number;
};
export type Stay = Pick<Presence, "place" | "object" | "start" | "reason"> & { readonly end: Instant | undefined };
export type Track = {
  readonly object: { readonly id: string; readonly type: string };
  readonly points: readonly (readonly [at: Instant, x: number, y: number])[];
};

/**
 * Alerts: from < end <= to; order end, id, both descending; the newest revision of each id, retracted ones left out.
 * Crossings, stays, counts: from <= at < to. Edges of buckets are ascending instants; bucket i is [edges[i], edges[i+1]).
 * Throws AdapterError.
 */
export interface Questions {
  alerts(scope: Scope, asked: Range & Paged & { readonly analytic: Analytic | undefined }): Promise<Page<Alert>>;
  alert(tenant: string, id: string): Promise<Alert | undefined>;
  /**
   * Alerts of a tenant over all its cameras, from `since` on: order end, id, both descending. `type` is that of domain/event-type.ts.
   * `epochsOf` says of a camera what a Scope does.
   */
  events(
    tenant: string,
    asked: Paged & {
      readonly since: Instant | undefined;
      readonly camera: string | undefined;
      readonly type: string | undefined;
      readonly epochsOf: (camera: string) => Promise<ReadonlyMap<string, number>>;
      readonly asOf?: AsOf | undefined;
    },
  ): Promise<Page<Alert>>;
  alertCounts(
    scope: Scope,
    asked: Range & { readonly analytic: Analytic | undefined; readonly limit: number },
  ): Promise<readonly AlertCount[]>;
  /** Order at, object id, descending. */
  crossings(scope: Scope, asked: Range & Paged & { readonly tripwireId: string | undefined }): Promise<Page<Crossing>>;
  /** Stays that overlap the range; order start, object id, descending. `roiId` undefined with analytic fov. */
  stays(
    scope: Scope,
    asked: Range & Paged & { readonly analytic: "fov" | "roi" | undefined; readonly placeId: string | undefined },
  ): Promise<Page<Stay>>;
  tripwireCounts(
    scope: Scope,
    asked: Range & { readonly tripwireId: string | undefined; readonly types: Types; readonly mode: CountMode },
  ): Promise<readonly TripwireCount[]>;
  /** Buckets without a crossing have no row. */
  tripwireHistogram(
    scope: Scope,
    asked: { readonly edges: readonly Instant[]; readonly tripwireId: string | undefined; readonly types: Types; readonly mode: CountMode },
  ): Promise<readonly TripwireBucket[]>;
  /** Buckets in which nobody was have no row. `min` is 0 wherever anyone was absent for a part of the bucket. */
  occupancyHistogram(
    scope: Scope,
    asked: {
      readonly analytic: "fov" | "roi";
      readonly placeId: string | undefined;
      readonly edges: readonly Instant[];
      readonly types: Types;
    },
  ): Promise<readonly OccupancyBucket[]>;
  /** Share of the range, 0 to 1, for which the camera was observed. An open `from` is the first observation, an open `to` the last. */
  uptime(scope: Scope, asked: Range): Promise<number>;
  /** Ascending by timestamp, id. */
  frames(scope: Scope, asked: Range & Paged): Promise<Page<Frame>>;
  /** The newest sign of each camera (domain/camera-status.ts), of all the tenant's where none are named. One of which nothing is known is left out. */
  signs(tenant: string, cameras: readonly string[] | undefined): Promise<ReadonlyMap<string, Sign>>;
  /** One row an object; `limit` bounds the frames read. x, y: the bottom centre of the box, pixels. */
  behavior(scope: Scope, asked: Range & Paged & { readonly types: Types }): Promise<Page<Track>>;
}
