/**
 * The one form in which a log's event and a table's row are compared: the row's columns in the table's order, as JSON. An event is brought
 * forward to its row by what the projector does with it, so every column a table keeps is compared, and nothing that it does not keep.
 */
import type { Instant, Json } from "../../domain/envelope.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { EventKey } from "../../domain/finding.ts";
import type { Position, Row } from "../../domain/ports.ts";
import type { Projection } from "../projection.ts";

/** `instant`: the column by which rows stand in time, the first one in the table's order after the camera. `key`: what names an event. */
type Shape = { readonly instant: string; readonly key: readonly string[] };
const SHAPES: Readonly<Record<string, Shape>> = {
  alerts: { instant: "start", key: ["id", "revision"] },
  crossings: { instant: "at", key: ["at", "objectId", "placeId", "direction"] },
  presence: { instant: "start", key: ["start", "objectId", "analytic", "placeId", "change"] },
  coverage: { instant: "start", key: ["start", "end"] },
  frames: { instant: "timestamp", key: ["timestamp", "id"] },
  states: { instant: "at", key: ["at", "state"] },
};

export const DAY_MS = 86_400_000;

/** The day of an instant: when it begins. */
export const dayOf = (at: Instant): Instant => Math.floor(at / DAY_MS) * DAY_MS;

/** 2026-01-31; an instant that no calendar has, as a number. */
export const dayText = (day: Instant): string => {
  const date = new Date(day);
  return Number.isNaN(date.getTime()) ? String(day) : date.toISOString().slice(0, 10);
};

export type Whence = { readonly epoch: string; readonly partition: number; readonly position: Position };

export type Form = {
  readonly table: string;
  readonly columns: readonly string[];
  readonly instant: string;
  /** The row that a projector makes of the event; undefined for one that this table has nothing of. */
  readonly rowOf: (event: Fact | Derived, whence: Whence) => Row | undefined;
  readonly textOf: (row: Row) => string;
  readonly dayOf: (row: Row) => Instant;
  readonly keyOf: (row: Row) => EventKey;
  /** Columns in which the two differ. */
  readonly differing: (expected: Row, found: Row) => readonly { readonly column: string; readonly expected: Json; readonly found: Json }[];
};

const inColumn = (row: Row, column: string): Json => row[column] ?? null;

/** Half of a surrogate pair becomes U+FFFD on the way into the warehouse. */
const wellFormed = (text: string): string => {
  if (!text.includes("\\ud")) return text;
  return JSON.stringify(JSON.parse(text, (_, part: unknown) => (typeof part === "string" ? part.toWellFormed() : part)));
};

/** `columns`: those the table has. */
export const formOf = (projection: Projection, columns: readonly string[]): Form => {
  const shape = SHAPES[projection.name];
  if (shape === undefined) throw new Error(`${projection.name} cannot be verified: nobody said what names its rows`);
  const { instant, key } = shape;
  const rows = projection.rows as (event: Fact | Derived, position: Position, partition: number) => readonly Row[];
  const textOf = (row: Row): string => wellFormed(JSON.stringify(columns.map((column) => inColumn(row, column))));
  return {
    table: projection.name,
    columns,
    instant,
    rowOf: (event, whence) => {
      const [row, another] = rows(event, whence.position, whence.partition);
      if (another !== undefined) throw new Error(`${projection.name} makes more than one row of an event: its rows cannot be told apart`);
      return row && { ...row, ...whence };
    },
    textOf,
    dayOf: (row) => dayOf(row[instant] as number),
    keyOf: (row) => ({ ...Object.fromEntries(key.map((column) => [column, inColumn(row, column)])), position: inColumn(row, "position") }),
    differing: (expected, found) => {
      const one = JSON.parse(textOf(expected)) as readonly Json[];
      const other = JSON.parse(textOf(found)) as readonly Json[];
      return columns.flatMap((column, i) =>
        JSON.stringify(one[i]) === JSON.stringify(other[i]) ? [] : [{ column, expected: one[i] as Json, found: other[i] as Json }],
      );
    },
  };
};
