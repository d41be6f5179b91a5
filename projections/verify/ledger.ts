/** What a log and its tables say of each camera and day: counts and sums of digests, beside each other. */
import { addText, isSameSum, noSum, type Sum } from "../../domain/digest.ts";
import { type CameraKey, type Instant, keyText } from "../../domain/envelope.ts";
import type { Position } from "../../domain/ports.ts";
import { DAY_MS } from "./form.ts";

const HOUR_MS = 3_600_000;
const HOURS = DAY_MS / HOUR_MS;

/** `hours`: of frames, the least and greatest position in each hour of the day; NaN where there is none. */
export type Entry = CameraKey & {
  readonly table: string;
  readonly day: Instant;
  readonly log: Sum;
  readonly rows: Sum;
  /** Positions of the log and of the rows: all lie from the one to the other. */
  least: Position;
  greatest: Position;
  /** Something is wrong that the sums do not show. */
  suspect: boolean;
  hours: Float64Array | undefined;
};

export type Which = CameraKey & { readonly table: string; readonly day: Instant; readonly position: Position };

export class Ledger {
  readonly #tables = new Map<string, Map<string, Map<Instant, Entry>>>();
  size = 0;

  /** Made where there is none. */
  at({ table, tenant, camera, day, position }: Which): Entry {
    const cameras = this.#tables.get(table) ?? new Map<string, Map<Instant, Entry>>();
    this.#tables.set(table, cameras);
    const key = keyText(tenant, camera);
    const days = cameras.get(key) ?? new Map<Instant, Entry>();
    cameras.set(key, days);
    let entry = days.get(day);
    if (entry === undefined) {
      entry = {
        table,
        tenant,
        camera,
        day,
        log: noSum(),
        rows: noSum(),
        least: position,
        greatest: position,
        suspect: false,
        hours: undefined,
      };
      days.set(day, entry);
      this.size += 1;
    }
    if (position < entry.least) entry.least = position;
    if (position > entry.greatest) entry.greatest = position;
    return entry;
  }

  *entries(table?: string): Generator<Entry> {
    for (const [name, cameras] of this.#tables) {
      if (table === undefined || name === table) for (const days of cameras.values()) yield* days.values();
    }
  }

  of(table: string, { tenant, camera }: CameraKey): Iterable<Entry> {
    return this.#tables.get(table)?.get(keyText(tenant, camera))?.values() ?? [];
  }

  camerasOf(table: string): readonly CameraKey[] {
    return [...(this.#tables.get(table)?.values() ?? [])].flatMap((days) => {
      for (const { tenant, camera } of days.values()) return [{ tenant, camera }];
      return [];
    });
  }
}

export const addLogged = (ledger: Ledger, which: Which, text: string): Entry => {
  const entry = ledger.at(which);
  addText(entry.log, text);
  return entry;
};

export const addRow = (ledger: Ledger, which: Which, text: string): Entry => {
  const entry = ledger.at(which);
  addText(entry.rows, text);
  return entry;
};

/** A frame's hour has this position. */
export const addHour = (entry: Entry, at: Instant, position: Position): void => {
  entry.hours ??= new Float64Array(2 * HOURS).fill(Number.NaN);
  const i = 2 * Math.floor((at - entry.day) / HOUR_MS);
  const { hours } = entry;
  if (!((hours[i] as number) <= position)) hours[i] = position;
  if (!((hours[i + 1] as number) >= position)) hours[i + 1] = position;
};

/** Hours that have frames: when each begins, and its least and greatest position. */
export const hoursOf = ({ day, hours }: Entry): readonly (readonly [hour: Instant, least: Position, greatest: Position])[] =>
  hours === undefined
    ? []
    : Array.from({ length: HOURS }, (_, i) => [day + i * HOUR_MS, hours[2 * i] as number, hours[2 * i + 1] as number] as const).filter(
        ([, least]) => !Number.isNaN(least),
      );

export const differs = ({ log, rows, suspect }: Entry): boolean => suspect || !isSameSum(log, rows);
