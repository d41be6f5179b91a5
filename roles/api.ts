/** Role api: questions over the warehouse, the tail of what is derived, and waiting for what was written. */
import { openTail } from "../analytics/tail.ts";
import type { Core, Tail } from "../api/core.ts";
import { createPartitions } from "../domain/partitions.ts";
import { patiently } from "../domain/patience.ts";
import { AdapterError, type Position, type Warehouse } from "../domain/ports.ts";
import { createStop } from "../domain/stop.ts";
import { within } from "../domain/within.ts";
import { askOthers } from "../projections/elsewhere.ts";
import { projections } from "../projections/index.ts";
import { areThere, makeBookkeeping } from "../projections/open.ts";
import type { Models } from "./warehouse.ts";
import type { World } from "./world.ts";

/** Milliseconds between looks at how far the engine has come: in this process, or in others over the network. */
const LOOK_MS = 2;
const LOOK_ELSEWHERE_MS = 15;
/** Milliseconds between looks at whether the tables are there. */
const TABLES_MS = 250;

/**
 * Waits until what was written at these positions can be read: until the projector has passed the facts, and until the engine
 * has committed past them and the projector has passed all that was derived by then. `frames` asks for the facts alone.
 */
const createSettled =
  ({ logs, clock, journal, limits, isShared }: World, { progress, state: { untold } }: Models): Core["settled"] =>
  async (reached, what) => {
    const over = createStop();
    const until = over.signal;
    const told = async (partition: number): Promise<Awaited<ReturnType<typeof logs.progress>> | undefined> => {
      try {
        return await logs.progress(partition);
      } catch (error) {
        if (!(error instanceof AdapterError) || error.code !== "corrupt") throw error;
        // Readiness asks again, until it is told.
        if (!untold.has(partition)) journal.error({ err: error, partition }, "how far the engine is cannot be read");
        untold.add(partition);
        over.stop();
        return undefined;
      }
    };
    const derived = async (partition: number, position: Position): Promise<boolean> => {
      for (;;) {
        const at = await told(partition);
        if (at === undefined) return false;
        if (at.facts > position) return progress.until("derived", partition, at.derived, until);
        if (until.aborted) return false;
        await clock.sleep(isShared ? LOOK_ELSEWHERE_MS : LOOK_MS, until);
      }
    };
    // Questions about what follows read frames too: they speak for the last minute, of which nothing was told yet.
    const waits = [...reached].flatMap(([partition, position]) => [
      progress.until("facts", partition, position + 1, until),
      what === "frames" ? true : derived(partition, position),
    ]);
    const all = Promise.all(waits).then((passed) => passed.every((one) => one));
    try {
      // A log that is away is asked for longer than this by whoever asks it.
      return await within({ clock }, limits.afterMs, all, () => false);
    } finally {
      over.stop();
    }
  };

/** Waits until the projector has passed a tail. */
const createTold =
  ({ clock, limits }: World, { progress }: Models): Core["told"] =>
  async (tail) => {
    const over = createStop();
    const all = Promise.all(tail.map((position, partition) => progress.until("derived", partition, position, over.signal)));
    try {
      return await within(
        { clock },
        limits.afterMs,
        all.then((passed) => passed.every((one) => one)),
        () => false,
      );
    } finally {
      over.stop();
    }
  };

/** A camera is in one partition; what was written elsewhere says nothing of when something arrived there. */
const createArrivalOf = ({ logs: { facts } }: World): Core["arrivalOf"] => {
  const partitionOf = createPartitions(facts.partitions);
  return async ({ tenant, camera }, reached) => {
    const partition = partitionOf(tenant, camera);
    const position = reached.get(partition);
    if (position === undefined) return "elsewhere";
    const { start, end } = await facts.bounds(partition);
    if (position < start || position >= end) return "gone";
    for await (const { events, positions } of facts.read(partition, position, { to: position + 1 })) {
      const [event] = events;
      if (event !== undefined) return positions[0] === position ? event.receivedAt : "gone";
    }
    return "gone";
  };
};

export type Api = {
  readonly answers: Pick<Core, "settled" | "told" | "arrivalOf" | "tailStart" | "tailEnd" | "tail" | "between">;
  /** The tail: ends when stopped. */
  readonly done: Promise<void>;
};

export const startApi = async (world: World, models: Models): Promise<Api> => {
  const { derived } = world.logs;
  const tail = await openTail(derived, world.stop);
  const bounds = () => Promise.all(Array.from({ length: derived.partitions }, (_, partition) => derived.bounds(partition)));
  const answers: Api["answers"] = {
    settled: createSettled(world, models),
    told: createTold(world, models),
    arrivalOf: createArrivalOf(world),
    tailStart: async () => (await bounds()).map(({ start }) => start),
    tailEnd: async () => (await bounds()).map(({ end }) => end),
    tail: tail.subscribe,
    between: tail.between,
  };
  return { answers, done: tail.done };
};

/** In a process without the role: its routes are not served here, so nothing asks. */
export const noApi = (partitions: number): Api["answers"] => {
  const nowhere: Tail = Array.from({ length: partitions }, () => 0);
  return {
    settled: () => Promise.resolve(false),
    told: () => Promise.resolve(false),
    arrivalOf: () => Promise.resolve("elsewhere"),
    tailStart: () => Promise.resolve(nowhere),
    tailEnd: () => Promise.resolve(nowhere),
    tail: () => ({ at: nowhere, stop: () => undefined }),
    between: async function* () {},
  };
};

/** Where others bring in what is asked here: waits for their tables, then for what they have come to. Ends when stopped. */
export const readOthers = async (world: World, models: Models, warehouse: Warehouse, writer: string): Promise<void> => {
  const { clock, stop } = world;
  await patiently(world, { doing: "open" }, () => makeBookkeeping(warehouse));
  while (!stop.aborted && !(await patiently(world, { doing: "open" }, () => areThere(warehouse, projections))))
    await clock.sleep(TABLES_MS, stop);
  if (stop.aborted) return;
  models.open();
  await askOthers({ ...world, warehouse, epoch: world.logs.facts.epoch, progress: models.progress, writer });
};
