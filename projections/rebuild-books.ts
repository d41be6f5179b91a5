/** How far the table that is built beside another has come, kept in the warehouse itself: whoever is started again goes on from there. */
import type { Instant } from "../domain/envelope.ts";
import type { Position, Row, Warehouse } from "../domain/ports.ts";
import { REBUILDS } from "./marks.ts";

/**
 * `carry`: what the log no longer holds is copied from the old table. `fill`: the rest is made from the log. `exchange`: it is whole and
 * takes the old one's place. `swapped`: it has, and the old one is to be put away. `done`, and `none` for one that was given up.
 */
export type Stage = "carry" | "fill" | "exchange" | "swapped" | "done" | "none";

/**
 * `table`, `old`: the engine's own names of the new table and of the one it replaces, which they keep when they change places.
 * What was copied arrived before `carried`; what arrived from there to `carrying` is being copied. Each partition is filled up to its
 * `begins`; from there to its `ends` is being filled. `rows`: those in the table without what is under way.
 */
export type Building = {
  readonly turn: number;
  /** Whoever wanted it. */
  readonly by: string;
  readonly stage: Stage;
  readonly version: number;
  readonly epoch: string;
  readonly table: string;
  readonly old: string;
  /** Whether the old table stays. */
  readonly keeps: boolean;
  /** Where the log began then, and when its oldest event had arrived. */
  readonly starts: readonly Position[];
  readonly arrival: Instant;
  readonly carried: Instant;
  readonly carrying: Instant;
  readonly begins: readonly Position[];
  readonly ends: readonly Position[];
  readonly rows: number;
};

const LAST = `SELECT turn, by, stage, version, epoch, table, old, keeps, starts, arrival, carried, carrying, begins, ends, rows
FROM ${REBUILDS} WHERE name = {name:String} ORDER BY turn DESC LIMIT 1`;

export const readBuilding = async (warehouse: Pick<Warehouse, "select">, name: string): Promise<Building | undefined> =>
  (await warehouse.select<Building>(LAST, { name }))[0];

/** `building.turn` is one more than the last one's: the later one counts. */
export const writeBuilding = (warehouse: Warehouse, name: string, building: Building): Promise<void> => {
  const { turn, by, stage } = building;
  return warehouse.insert(REBUILDS, [{ name, ...building } as Row], `${name}/${turn}/${by}/${stage}`);
};

export const isUnderWay = ({ stage }: Building): boolean => stage === "carry" || stage === "fill" || stage === "exchange";
