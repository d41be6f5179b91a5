/**
 * What was known at a position: rows are chosen by where they come from, before the highest revision of anything is taken. A statement
 * without it has no such condition at all, so that it reads as it always did, through the second orders of its table.
 */
import type { Param } from "../domain/ports.ts";
import type { AsOf } from "./questions.ts";

/** Conditions that follow a table's others: of rows of the derived log, and of frames. */
export type Seen = { readonly derived: string; readonly facts: string };

const ALL: Seen = { derived: "", facts: "" };
const ARRIVED: Seen = { derived: " AND receivedAt <= {knownBy:Int64}", facts: " AND receivedAt <= {knownBy:Int64}" };
/**
 * Rows of another epoch of the log are what it no longer holds: they come before all it does. Of frames a tail of the derived log says
 * nothing, so none speaks for the time nobody was told of yet.
 */
const BEFORE: Seen = {
  derived: " AND (epoch != {knownEpoch:String} OR position < arrayElement({knownBefore:Array(Int64)}, 1 + partition))",
  facts: " AND false",
};

export const seenBy = (asOf: AsOf | undefined): Seen => {
  if (asOf === undefined) return ALL;
  return "arrivedBy" in asOf ? ARRIVED : BEFORE;
};

export const asOfParams = (asOf: AsOf | undefined): Readonly<Record<string, Param>> => {
  if (asOf === undefined) return {};
  return "arrivedBy" in asOf ? { knownBy: asOf.arrivedBy } : { knownBefore: asOf.before, knownEpoch: asOf.epoch };
};
