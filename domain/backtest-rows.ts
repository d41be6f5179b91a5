/** What a backtest leaves: rows of its result, in this order, and what it says in short. Types only. */
import type { Analytic, Direction, RuleType } from "./camera.ts";
import type { Alert, Crossing } from "./event.ts";

/** `then`: only what was raised; `now`: only the candidate; `both`: each of them, not always under the same id. */
export type Side = "then" | "now" | "both";

/** An alert as it was raised and as the candidate raises it: of side `both` there are both. Highest revisions, as JSON: what is undefined is absent. */
export type BacktestAlert = { readonly row: "alert"; readonly side: Side; readonly then?: Alert; readonly now?: Alert };
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
};
/** Crossings of one wire in one direction, all types together. */
export type BacktestTripwire = {
  readonly row: "tripwire";
  readonly camera: string;
  readonly tripwireId: string;
  readonly direction: Direction;
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
export type BacktestRow = BacktestAlert | BacktestCrossing | BacktestRule | BacktestTripwire | BacktestLabels;

/** `countsFrom`: the number of the first row that is a count (of a rule, a tripwire, labels); they come last. */
export type BacktestResult = {
  readonly frames: number;
  readonly onlyThen: number;
  readonly onlyNow: number;
  readonly both: number;
  readonly crossings: number;
  readonly countsFrom: number;
};
