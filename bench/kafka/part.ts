/** What each part of this bench is given, and what it tells beside its table: ratios that something was asked of. */

import { median } from "../../test/support/figures.ts";
import { load, round } from "../support/report.ts";
import type { Bench } from "./broker.ts";
import type { Figures } from "./jobs/job.ts";
import type { Peers } from "./peers.ts";
import type { Passes } from "./processes.ts";

export type Size = {
  readonly frames: number;
  readonly partitions: number;
  /** Measured ones; one more before them only warms up. */
  readonly passes: number;
  readonly seconds: number;
  readonly quick: boolean;
};

export type Given = { readonly bench: Bench; readonly peers: Peers; readonly size: Size; readonly profile: string | undefined };

export type Ratio = { readonly what: string; readonly to: string; readonly ratio: number; readonly asked?: number };
export type Row = Readonly<Record<string, unknown>>;
export type Told = {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
  readonly notes?: readonly string[];
};

export const OBJECTS_A_FRAME = 20;

/** Of one figure over the passes: the middle one, and the least and the greatest. */
export const spread = ({ figures }: Pick<Passes, "figures">, of: (pass: Figures) => number) => {
  const all = figures.map(of);
  return { median: median(all), least: Math.min(...all), most: Math.max(...all) };
};

/** `1.23 (1.10-1.30)` */
export const shown = ({ median, least, most }: ReturnType<typeof spread>, unit: number, digits: number): string =>
  `${(median / unit).toFixed(digits)} (${(least / unit).toFixed(digits)}-${(most / unit).toFixed(digits)})`;

export const middle = (passes: Passes, name: string): number => spread(passes, (pass) => pass[name] as number).median;
/** Objects a second. */
export const rateOf = (measured: Passes, objects: number) => spread(measured, ({ seconds }) => objects / (seconds as number));
/** What the measured processes used, the broker not among them; of all figures the one that other work on the machine bears on least. */
export const costOf = (measured: Passes, objects: number): Row => ({
  "cpu us/object": ((1e6 * middle(measured, "cpu")) / objects).toFixed(2),
});

/** Every figure stands beside what it cost and how busy the machine was. */
export const beside = (rssMb: number): Row => ({ "peak MB": rssMb, load: load() });

export const ratio = (what: string, to: string, ours: number, theirs: number, asked?: number): Ratio => ({
  what,
  to,
  ratio: round(ours / theirs, 2),
  ...(asked !== undefined && { asked }),
});
