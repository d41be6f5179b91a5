/** Role projector: brings its partitions of both logs into the warehouse, and drops old facts of them. */
import { patiently } from "../domain/patience.ts";
import type { Position, Share, Stop, Warehouse } from "../domain/ports.ts";
import { createStop, whenStopped } from "../domain/stop.ts";
import { within } from "../domain/within.ts";
import { amongOthers } from "../projections/claims.ts";
import { hearOthers } from "../projections/elsewhere.ts";
import { projections } from "../projections/index.ts";
import { makeBookkeeping, type Outdated, obstacle, openInTurn, openProjections } from "../projections/open.ts";
import { project } from "../projections/projector.ts";
import { rebuildBeside } from "../projections/rebuild-beside.ts";
import { retention } from "./retention.ts";
import type { Models } from "./warehouse.ts";
import type { World } from "./world.ts";

/** Milliseconds that what is under way is waited for once it is to stop: a log that is away is asked for longer than that. */
const LAST_MS = 2000;

export type Projector = {
  /** The partitions this process brings in now. */
  readonly shares: ReadonlySet<number>;
  /** Ends when stopped; rejects with what trying again cannot heal. */
  readonly done: Promise<void>;
};

/** The warehouse is there, its tables need not be. `writer`: whoever this process is. */
export const startProjector = (world: World, models: Models, warehouse: Warehouse, writer: string): Projector => {
  const { logs, isShared, clock, journal, meter, stop, createPause } = world;
  const { facts, derived } = logs;
  const shares = new Set<number>();
  const patience = { clock, journal, stop };
  const work = Promise.withResolvers<never>();
  const running = new Map<number, Promise<void>>();

  const opening = { ...patience, facts, derived, warehouse, projections, meter };
  const { borders } = models;
  const bring = async ({ partition }: Share, ending: Stop): Promise<void> => {
    const claims = amongOthers({ warehouse, writer, clock, chance: Math.random, stop: ending });
    if (isShared && partition === 0) await openInTurn({ ...opening, claims, stop: ending });
    const others = isShared ? { others: { claims, obstacle } } : { borders };
    const parts = { ...patience, stop: ending, partition, projections, warehouse, progress: models.progress, ...others };
    await Promise.all([project({ ...parts, kind: "facts", log: facts }), project({ ...parts, kind: "derived", log: derived })]);
  };

  /** What was of another version, or had lost rows, when it was opened. One after the other: so the first is whole the sooner. */
  const rebuild = async (outdated: readonly Outdated[]): Promise<void> => {
    for (const { projection, keeps } of outdated) {
      const log = projection.log === "facts" ? facts : derived;
      const parts = { ...patience, projection, log, warehouse, borders, meter, by: "start", keeps, pause: createPause() };
      await rebuildBeside({ ...parts, progress: (done, of) => models.state.building.set(projection.name, { done, of }) });
      models.state.building.delete(projection.name);
    }
  };

  const share = async (given: Share): Promise<void> => {
    const { partition } = given;
    const ending = createStop();
    void given.lost.then(ending.stop);
    const takeBack = whenStopped(stop, ending.stop);
    // Lost and given back at once: what runs for it ends first.
    await running.get(partition);
    shares.add(partition);
    const mine = bring(given, ending.signal).catch(work.reject);
    running.set(partition, mine);
    const over = new Promise<void>((resolve) => {
      whenStopped(ending.signal, resolve);
    });
    await Promise.race([mine, over]);
    takeBack();
    // One that is left behind is waited for by whoever is given the partition here again.
    await within({ clock }, LAST_MS, mine, () =>
      journal.warn({ partition }, "partition let go while its log or the warehouse did not answer"),
    );
    if (running.get(partition) === mine) shares.delete(partition);
  };

  const run = async (): Promise<void> => {
    if (isShared) await patiently(patience, { doing: "open" }, () => makeBookkeeping(warehouse));
    const outdated = isShared ? [] : await openProjections({ ...opening, borders });
    if (!isShared) models.open();
    const release = await logs.share("projector", share);
    const ended = new Promise<void>((resolve) => {
      whenStopped(stop, resolve);
    });
    const listening = isShared ? hearOthers({ ...patience, warehouse, epoch: facts.epoch, progress: models.progress, writer }) : ended;
    const keepFrom = (partition: number): Position =>
      shares.has(partition) ? Math.min(models.progress.passed("facts", partition), borders.needed("facts", partition)) : 0;
    const retaining = retention(world, keepFrom);
    const building = rebuild(outdated).catch((error: unknown) => {
      if (!stop.aborted) throw error;
    });
    building.catch(work.reject);
    const working = Promise.all([listening, retaining]);
    try {
      await Promise.race([ended, working, work.promise]);
    } finally {
      await Promise.all([release(), within<unknown>({ clock }, LAST_MS, Promise.allSettled([working, building]), () => undefined)]);
    }
  };
  return {
    shares,
    done: run().catch((error: unknown) => {
      if (!stop.aborted) throw error;
    }),
  };
};
