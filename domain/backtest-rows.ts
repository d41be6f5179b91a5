/** What a backtest leaves: rows of its result, in this order, and what it says in short. Types only. */
import type { Analytic, Direction, RuleType } from "./camera.ts";
import type { Alert, Crossing } from "./event.ts";

/** `then`: only what was raised; `now`: only the candidate; `both`: each of them, not always under the same id. */
export type Side = "then" | "now" | "both";

/**
 * An alert as it was raised and as the candidate raises it: of side `both` there are both, and `changed` says whether they tell anything else
 * than each other, ids and versions aside. Highest revisions, as JSON: what is undefined is absent.
 */
export type BacktestAlert = {
  readonly row: "alert";
  readonly side: Side;
  readonly changed: boolean;
  readonly then?: Alert;
  readonly now?: Alert;
};
/** A crossing by the candidate's wires. */
export type BacktestCrossing = { readonly row: "crossing"; readonly crossing: Crossing };
/** Alerts of one rule at one place, of the candidate's and of what was in force. */
export type BacktestRule = {
  readonly row: "rule";
  readonly camera: string;
  readonly analytic: Analytic;
  readonly placeId: string;
  readonly ruleId: string;
  readonly ruleType: RuleType;
  readonly onlyThen: number;
  readonly onlyNow: number;
  readonly both: number;
  /** Of `both`. */
  readonly changed: number;
};
export type ThenNow = { readonly then: number; readonly now: number };
/** Crossings of one wire in one direction, all types together. */
export type BacktestTripwire = {
  readonly row: "tripwire";
  readonly camera: string;
  readonly tripwireId: string;
  readonly direction: Direction;
  readonly then: number;
  readonly now: number;
};
/**
 * The same of one type, in all three numbers. `either` is for distinct objects only. net: objects that went more often in this direction than
 * in the other.
 */
export type BacktestCrossings = {
  readonly row: "crossings";
  readonly camera: string;
  readonly tripwireId: string;
  readonly direction: Direction | "either";
  readonly objectType: string;
  readonly raw?: ThenNow;
  readonly distinct: ThenNow;
  readonly net?: ThenNow;
};
/** Stays that began in a region, or in the field of view (then the place is the camera). */
export type BacktestStays = {
  readonly row: "stays";
  readonly camera: string;
  readonly analytic: "fov" | "roi";
  readonly placeId: string;
  readonly then: number;
  readonly now: number;
};
/** Labels of one wire and direction held against the candidate's crossings. `precision`, `recall`: 0 to 1, absent where there is nothing to divide by. */
export type BacktestLabels = {
  readonly row: "labels";
  readonly camera: string;
  readonly tripwireId: string;
  readonly direction: Direction;
  readonly labels: number;
  readonly crossings: number;
  readonly found: number;
  readonly precision?: number;
  readonly recall?: number;
};
export type BacktestCount = BacktestRule | BacktestTripwire | BacktestCrossings | BacktestStays | BacktestLabels;
export type BacktestRow = BacktestAlert | BacktestCrossing | BacktestCount;

/**
 * `frames`: all that were stepped, from the nearest base on; `late`: those of the range that came late. `changed`: of `both`. `crossings`: of the candidate. `stopped`: cameras
 * whose machines a defect stopped, which say nothing from there on. `countsFrom`: the number of the first row that is a count; they come last.
 */
export type BacktestResult = {
  readonly frames: number;
  readonly late: number;
  readonly changed: number;
  readonly stopped: readonly string[];
  readonly onlyThen: number;
  readonly onlyNow: number;
  readonly both: number;
  readonly crossings: number;
  readonly countsFrom: number;
};
