/** What `verify` may find: each sort of it, and the same in words. */
import type { CameraKey, Json } from "./envelope.ts";

export type LogName = "facts" | "derived";

/** A count and a hash, as `digest.ts` makes them. */
export type Told = { readonly count: number; readonly hash: string };

/** An event by what names it, `position` in its partition among it. */
export type EventKey = { readonly [column: string]: Json };

/** A table on one day (2026-01-31, UTC, of event time) of one camera. `expected`: the log's; `found`: the table's. `n` rows are meant. */
type OfDay = CameraKey & {
  readonly log: LogName;
  readonly partition: number;
  readonly table: string;
  readonly day: string;
  readonly expected: Told;
  readonly found: Told;
  readonly n: number;
  /** The one that comes first in the log. */
  readonly first: EventKey;
};
type InLog = { readonly log: LogName; readonly partition: number };

export type Finding =
  /** The log has them, the table has not. */
  | (OfDay & { readonly what: "rows-missing" })
  /** The table has them, the log has nothing there that they could come from. */
  | (OfDay & { readonly what: "rows-extra" })
  /** They do not say what the log says. `columns`: of the first. */
  | (OfDay & {
      readonly what: "rows-altered";
      readonly columns: readonly { readonly column: string; readonly expected: Json; readonly found: Json }[];
    })
  /** The table has the row of one event more than once. */
  | (OfDay & { readonly what: "rows-doubled" })
  /** The derived log has an alert, the same id and revision, at two places. */
  | (OfDay & { readonly what: "alert-doubled"; readonly again: number })
  /** Counts or hashes differ; there was too much of the kind to look at it row by row. */
  | (Omit<OfDay, "n" | "first"> & { readonly what: "day-differs" })
  /** The table has nothing at all of a month (2026-01) of which the log has `expected` events of so many cameras. */
  | {
      readonly what: "partition-missing";
      readonly table: string;
      readonly month: string;
      readonly expected: number;
      readonly cameras: number;
    }
  /** ClickHouse holds parts of the table aside: broken ones, or such as somebody detached. */
  | { readonly what: "parts-detached"; readonly table: string }
  | { readonly what: "table-missing"; readonly table: string }
  /** The table is of another version than this program's, or is being built: it cannot be compared. */
  | { readonly what: "table-other-version"; readonly table: string; readonly expected: number; readonly found: number }
  /** `expected` and `found`: the least and the greatest position of the camera's frames in the hour that begins there; null: no row. */
  | (CameraKey & {
      readonly what: "positions-differ";
      readonly partition: number;
      readonly day: string;
      readonly hour: number;
      readonly expected: readonly [least: number, greatest: number] | null;
      readonly found: readonly [least: number, greatest: number] | null;
    })
  /** Somebody has read further than the log reaches: `by` the projector (`warehouse`) or, of the facts, the engine. */
  | (InLog & { readonly what: "log-truncated"; readonly end: number; readonly expected: number; readonly by: "warehouse" | "engine" })
  /** Rows that come from beyond the end of the log, or from a partition it has not. */
  | (InLog & { readonly what: "rows-beyond"; readonly table: string; readonly n: number })
  /** Records `from` to `to`, the last included, that the log should have and has not. */
  | (InLog & { readonly what: "records-lost"; readonly from: number; readonly to: number })
  /** Records that are there and cannot be read. What follows from them cannot be compared. */
  | (InLog & { readonly what: "records-unreadable"; readonly from: number; readonly to: number; readonly reason: string })
  /** The warehouse's books are of a log of another epoch: nothing of this partition can be compared. */
  | (InLog & { readonly what: "other-epoch" })
  /** Rows from a log of another epoch that arrived when this one was in use already. */
  | { readonly what: "rows-other-epoch"; readonly table: string; readonly n: number }
  /** What follows from the facts, derived again, is not what the derived log has of that day of arrival. `lacks`: only facts say it; `has`: only the log says it. */
  | (CameraKey & {
      readonly what: "derived-differs";
      readonly partition: number;
      readonly day: string;
      readonly kind: string;
      readonly expected: Told;
      readonly found: Told;
      readonly lacks: EventKey | null;
      readonly has: EventKey | null;
    });

/** Whether it means that something could not be looked at, and not that something is wrong. */
export const isUnchecked = ({ what }: Finding): boolean =>
  what === "records-unreadable" || what === "table-other-version" || what === "other-epoch";

const rows = (n: number): string => (n === 1 ? "1 row" : `${n} rows`);
const named = (key: EventKey): string =>
  Object.entries(key)
    .map(([column, value]) => `${column} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
const whose = ({ tenant, camera }: CameraKey): string => `camera ${camera} of tenant ${tenant}`;
const records = (log: LogName, partition: number, from: number, to: number): string =>
  from === to ? `record ${log}/${partition}/${from}` : `records ${log}/${partition}/${from} to ${log}/${partition}/${to}`;
const span = (positions: readonly [number, number] | null): string =>
  positions === null ? "nothing" : `positions ${positions[0]} to ${positions[1]}`;

const ofDay = (f: OfDay, what: string): string =>
  `${f.table}: ${what}, ${f.day}, ${whose(f)} (log ${f.log}/${f.partition} has ${f.expected.count}, hash ${f.expected.hash}; the table ${f.found.count}, hash ${f.found.hash}). First: ${named(f.first)}`;

/** For people: one sentence, what differs first. */
export const findingText = (f: Finding): string => {
  switch (f.what) {
    case "rows-missing":
      return ofDay(f, `${rows(f.n)} missing`);
    case "rows-extra":
      return ofDay(f, `${rows(f.n)} that the log does not have`);
    case "rows-altered": {
      const columns = f.columns.map(
        ({ column, expected, found }) => `${column} is ${JSON.stringify(found)} and should be ${JSON.stringify(expected)}`,
      );
      return `${ofDay(f, `${rows(f.n)} altered`)}: ${columns.join("; ")}`;
    }
    case "rows-doubled":
      return ofDay(f, `${rows(f.n)} too many, each the same as another`);
    case "alert-doubled":
      return ofDay(f, `${f.n} alert(s) twice in the derived log, the first again at position ${f.again}`);
    case "day-differs":
      return `${f.table}: differs, ${f.day}, ${whose(f)} (log ${f.log}/${f.partition} has ${f.expected.count}, hash ${f.expected.hash}; the table ${f.found.count}, hash ${f.found.hash})`;
    case "partition-missing":
      return `${f.table}: nothing of ${f.month}, of which the log has ${f.expected} events of ${f.cameras} camera(s): a partition is missing`;
    case "parts-detached":
      return `${f.table}: parts of it are detached`;
    case "table-missing":
      return `${f.table}: there is no such table`;
    case "table-other-version":
      return `${f.table}: is of version ${f.found}, this program's is ${f.expected}; not compared`;
    case "positions-differ":
      return `positions: ${f.day}, hour ${f.hour}, ${whose(f)}: ${span(f.found)}, the log facts/${f.partition} has ${span(f.expected)}`;
    case "log-truncated":
      return `log ${f.log}/${f.partition}: is truncated. It ends at position ${f.end}, the ${f.by} has read it up to ${f.expected}`;
    case "rows-beyond":
      return `${f.table}: ${rows(f.n)} from beyond the end of log ${f.log}/${f.partition}`;
    case "records-lost":
      return `log ${f.log}/${f.partition}: is truncated or torn. It has lost ${records(f.log, f.partition, f.from, f.to)}`;
    case "records-unreadable":
      return `log ${f.log}/${f.partition}: ${records(f.log, f.partition, f.from, f.to)} cannot be read, what follows from it is not compared: ${f.reason}`;
    case "other-epoch":
      return `log ${f.log}/${f.partition}: the warehouse was made from another log; not compared`;
    case "rows-other-epoch":
      return `${f.table}: ${rows(f.n)} of another log that arrived when this one was in use`;
    case "derived-differs": {
      const lacks = f.lacks === null ? [] : [`the log lacks ${named(f.lacks)}`];
      const has = f.has === null ? [] : [`the log has ${named(f.has)}`];
      const why = [...lacks, ...has].join("; ");
      return `log derived/${f.partition}: ${f.kind} of ${whose(f)} that arrived on ${f.day} are not what follows from the facts (${f.expected.count}, hash ${f.expected.hash}; the log has ${f.found.count}, hash ${f.found.hash}). ${why}`;
    }
  }
};
