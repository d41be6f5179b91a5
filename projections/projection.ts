/** A read model: its table and its rows. Its questions stand in the same file. */
import type { Derived, Fact } from "../domain/event.ts";
import type { Position, Row } from "../domain/ports.ts";

export type LogKind = "facts" | "derived";
export type Source = { readonly facts: Fact; readonly derived: Derived };

/**
 * `name` is the table's. `version` is raised when columns or rows change: the table is then built anew from the log.
 * `ddl` makes the table under a name of the caller's, as a rebuild needs it beside the old one.
 * A table of kind `rows` keeps what it is given, one row for each row: merges drop none, so counting them proves that none is lost.
 * A `summary` is folded by the engine as it likes, and means nothing in another epoch of the log.
 */
export type Projection<K extends LogKind = LogKind> = K extends LogKind
  ? {
      readonly name: string;
      readonly version: number;
      readonly log: K;
      readonly kind: "rows" | "summary";
      readonly ddl: (table: string) => string;
      readonly rows: (event: Source[K], position: Position, partition: number) => readonly Row[];
      /**
       * Of a summary that tells of what the log no longer holds: the SELECT that gives, from a table of this kind, what it says of a
       * partition before a position. Twice is as good as once.
       */
      readonly before?: (table: string, partition: number, position: Position) => string;
    }
  : never;

/**
 * Columns every table of kind `rows` has, filled by the projector. `partition`, `position` and `epoch` say where in the log the row comes from.
 * Each read drops repeats by the row's own key, lowest position first: the log may hold an event twice.
 */
export const WHENCE = `
  receivedAt Int64 CODEC(Delta, ZSTD),
  epoch LowCardinality(String),
  partition UInt32,
  position Int64 CODEC(Delta, ZSTD)`;

/** The month of an instant, whatever the instant: a bad clock must not make an insert fail. */
export const monthOf = (column: string): string =>
  `toYYYYMM(fromUnixTimestamp64Milli(least(greatest(${column}, 0), 10000000000000), 'UTC'))`;

/**
 * Deduplication makes a batch that is sent again insert nothing. The fsyncs are for what the log no longer has: a merge
 * replaces old rows by a new file, and a loss of power must not take them. Torn parts are detached, never a reason to refuse the table.
 */
export const KEPT = `SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000`;

/** The least and greatest instants a question can name: open ends of a range. */
export const FIRST = -Number.MAX_SAFE_INTEGER;
export const LAST = Number.MAX_SAFE_INTEGER;
