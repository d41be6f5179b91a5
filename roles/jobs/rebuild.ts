/** A projection built anew beside the one that is used, when somebody wants it; and the old one dropped, when somebody says so. */
import type { Json } from "../../domain/envelope.ts";
import { JobFailure, type RebuildWish, type Run, type Work } from "../../domain/job.ts";
import { AdapterError, type Clock, type Journal, type Logs, type Meter, type Stop, type Warehouse } from "../../domain/ports.ts";
import type { Borders } from "../../projections/borders.ts";
import type { Projection } from "../../projections/projection.ts";
import { rebuildBeside } from "../../projections/rebuild-beside.ts";
import { isUnderWay, readBuilding } from "../../projections/rebuild-books.ts";
import { giveUp } from "../../projections/rebuild-exchange.ts";
import { nextOf, oldOf, ownName } from "../../projections/rebuild-half.ts";

type Parts = {
  readonly logs: Pick<Logs, "facts" | "derived">;
  /** Undefined until its tables stand. */
  readonly warehouse: () => Warehouse | undefined;
  readonly projections: readonly Projection[];
  /** Of the projectors of this process. */
  readonly borders: Borders;
  /** Whether this process has all projectors there are: those of others cannot be held at a border from here. */
  readonly isAlone: boolean;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Pick<Meter, "count">;
  /** The process ends. */
  readonly stop: Stop;
};

export const rebuildWork = (parts: Parts): Work<RebuildWish> => {
  const { projections, borders, isAlone } = parts;
  const underWay = new Set<string>();
  return async (run) => {
    const { projection: name, step } = run.wish;
    const projection = projections.find((one) => one.name === name);
    if (projection === undefined)
      throw new JobFailure(`There is no projection ${name}: there are ${projections.map((one) => one.name).join(", ")}.`);
    if (!isAlone)
      throw new JobFailure(
        "Projections are rebuilt where one process has all of the log; where several share it, a table is built anew at the next start once its line in the table versions is deleted.",
      );
    const warehouse = parts.warehouse();
    if (warehouse === undefined) throw new AdapterError("unavailable", "The warehouse is starting.", { retryable: true });
    if (underWay.has(name) || (borders.isOut(name) && run.kept === undefined)) throw new JobFailure(`${name} is being built anew already.`);
    underWay.add(name);
    try {
      // It had begun before the process was started again, and the start has found a table that is to be made whole.
      await borders.untilWhole(name, run.stop);
      return await (step === "rebuild" ? build(parts, run, projection, warehouse) : dropOld(warehouse, name));
    } finally {
      underWay.delete(name);
    }
  };
};

const build = async (parts: Parts, run: Run<RebuildWish>, projection: Projection, warehouse: Warehouse): Promise<Json> => {
  const { logs, borders, clock, journal, meter } = parts;
  const { name } = projection;
  const old = oldOf(name);
  const found = await readBuilding(warehouse, name);
  const isMine = found?.by === run.id;
  if (!isMine && (await ownName(warehouse, old)) !== undefined) {
    // There was none when this job began: the table was built anew since then, and at a start once more.
    if (run.kept !== undefined) return { projection: name, old };
    throw new JobFailure(`The table before the last rebuild is still kept as ${old}: drop it first, with the step drop-old.`);
  }
  // It was done, and nobody was told of it any more.
  if (isMine && found.stage === "done") return { projection: name, old };
  // What is half built was asked for where there was room for it.
  if (found === undefined || !isUnderWay(found)) await checkRoom(warehouse, name);
  // Whoever goes on with it knows by that that it had begun.
  if (run.kept === undefined) await run.keep(0);
  const log = projection.log === "facts" ? logs.facts : logs.derived;
  const world = { projection, log, warehouse, borders, clock, journal, meter, stop: run.stop };
  try {
    const { rows } = await rebuildBeside({ ...world, by: run.id, keeps: true, ...keeping(run) });
    return { projection: name, old, ...(rows === undefined ? {} : { rows }) };
  } catch (error) {
    // Where the process ends, whoever comes next goes on with what there is.
    if (run.stop.aborted && !parts.stop.aborted) await giveUp(warehouse, name);
    throw error;
  }
};

const ROOM = `SELECT (SELECT sum(bytes_on_disk) FROM system.parts
  WHERE active AND database = currentDatabase() AND table IN ({table:String}, concat({table:String}, '_local'))) AS needed,
(SELECT min(free_space) FROM system.disks) AS free`;
/** Of what the table has: so much more must be free, since parts are there twice while they are merged. */
const SPARE = 1.5;

/** A disk that a rebuild fills is one that nothing comes in on any more. */
const checkRoom = async (warehouse: Pick<Warehouse, "select">, name: string): Promise<void> => {
  const [row] = await warehouse.select<{ needed: number; free: number }>(ROOM, { table: name });
  if (row === undefined || row.free >= row.needed * SPARE) return;
  throw new JobFailure(
    `${name} has ${row.needed} bytes, and ${Math.ceil(row.needed * SPARE)} must be free to build it anew: there are ${row.free}.`,
  );
};

/** Of the whole. */
const STEP = 0.05;

/** How far it is stands in the warehouse; the job is told now and then, so that a run that was lost is not taken for one that did nothing. */
const keeping = ({ kept, keep, pause, progress }: Run<RebuildWish>) => {
  let [told, reached] = [typeof kept === "number" ? kept : 0, 0];
  return {
    progress: (done: number, of: number): void => {
      reached = of === 0 ? 0 : Math.floor(done / of / STEP);
      progress(done, of);
    },
    pause: async (): Promise<void> => {
      await pause();
      if (reached <= told) return;
      told = reached;
      await keep(reached);
    },
  };
};

/** Also what a rebuild left half built that was given up while nobody could drop it. */
const dropOld = async (warehouse: Warehouse, name: string): Promise<Json> => {
  const left: string[] = [];
  for (const table of [oldOf(name), nextOf(name)]) if ((await ownName(warehouse, table)) !== undefined) left.push(table);
  if (left.length === 0) throw new JobFailure(`There is no old table of ${name}.`);
  await giveUp(warehouse, name);
  await warehouse.define([`DROP TABLE IF EXISTS ${oldOf(name)} SYNC`]);
  return { projection: name, dropped: left };
};
