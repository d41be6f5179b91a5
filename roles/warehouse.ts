/** The warehouse as the roles projector and api see it: opened beside the doors, while frames are taken in already. */

import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import { AdapterError, type Stop, type Warehouse } from "../domain/ports.ts";
import { ask } from "../projections/ask.ts";
import { Borders } from "../projections/borders.ts";
import { positionsOf, positionsOfMany, type Span } from "../projections/positions.ts";
import { Progress } from "../projections/progress.ts";
import type { Questions } from "../projections/questions.ts";
import { readerOf } from "../projections/reader.ts";
import type { Ports } from "./world.ts";

/** What an operator is to do about it. */
export const DAMAGED = "is damaged: stop the server, delete the warehouse's folder and start again; it is built anew from the log";

export type Models = {
  readonly ask: Questions;
  /** What questions are asked of: waits for the tables, but not for long. */
  readonly asking: Pick<Warehouse, "select">;
  /** Positions between which all frames of the camera lie that were taken in [from, to) and are projected; undefined where there are none. */
  readonly span: (camera: CameraKey, range: { readonly from: Instant; readonly to: Instant }) => Promise<Span | undefined>;
  /** The same of many cameras of one tenant, by name; one without such frames is left out. */
  readonly spans: (
    tenant: string,
    cameras: readonly string[],
    range: { readonly from: Instant; readonly to: Instant },
  ) => Promise<ReadonlyMap<string, Span>>;
  readonly progress: Progress;
  /** Of the projectors of this process, where it has all of them. */
  readonly borders: Borders;
  /** `building`: how far the tables are that are not whole. `untold`: partitions of which the log could not tell how far the engine is, since the record that says it is damaged. */
  readonly state: {
    warehouse: Warehouse | undefined;
    opened: boolean;
    damaged: boolean;
    readonly building: Map<string, { readonly done: number; readonly of: number }>;
    readonly untold: Set<number>;
  };
  /** The tables stand: questions are answered. */
  readonly open: () => void;
  /** Resolves then. */
  readonly opening: Promise<void>;
};

/** The tables a question reads: each stands after a FROM (projections/reader.ts holds questions to that). */
const tablesIn = (sql: string): readonly string[] => [...new Set([...sql.matchAll(/\bFROM\s+(\w+)/g)].map(([, table]) => table as string))];

export const createModels = ({ clock, journal, meter, limits, stop }: Ports & { readonly limits: Limits; readonly stop: Stop }): Models => {
  const state: Models["state"] = { warehouse: undefined, opened: false, damaged: false, building: new Map(), untold: new Set() };
  const borders = new Borders();
  /** A byte that rotted in a part is met by who asks for it, and by nobody else. */
  const damaged = (error: unknown): never => {
    if (error instanceof AdapterError && error.code === "corrupt" && !state.damaged) {
      state.damaged = true;
      journal.error({ err: error }, `the warehouse ${DAMAGED}`);
    }
    throw error;
  };
  const { promise: opening, resolve: opened } = Promise.withResolvers<void>();
  /** A question that comes while the warehouse opens waits as long as one that asks for what was just written. */
  const answering: Pick<Warehouse, "select"> = {
    select: async (sql, params) => {
      if (!state.opened) await Promise.race([opening, clock.sleep(limits.afterMs, stop)]);
      if (state.warehouse === undefined || !state.opened)
        throw new AdapterError("unavailable", "The warehouse is starting.", { retryable: true });
      const missing = tablesIn(sql).filter((table) => borders.isOut(table));
      if (missing.length > 0)
        await Promise.race([Promise.all(missing.map((table) => borders.whole(table))), clock.sleep(limits.afterMs, stop)]);
      const still = missing.find((table) => borders.isOut(table));
      if (still !== undefined) throw new AdapterError("unavailable", `The table ${still} is being built anew.`, { retryable: true });
      return state.warehouse.select<never>(sql, params).catch(damaged);
    },
  };
  return {
    ask: ask(answering, { clock, meter }),
    asking: answering,
    span: (camera, range) => positionsOf(readerOf(answering, camera.tenant), camera, range),
    spans: (tenant, cameras, range) => positionsOfMany(readerOf(answering, tenant), cameras, range),
    progress: new Progress(),
    borders,
    state,
    opening,
    open: () => {
      state.opened = true;
      opened();
    },
  };
};
