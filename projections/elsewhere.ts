/**
 * Progress across processes, through the warehouse: who waits for what another brings in says so and looks how far it has come, while
 * it waits and no longer; who brings in and holds a batch back for its pace looks whether somebody waits. Nothing of it is needed for
 * an answer to be true: a wish that nobody hears is fulfilled at the pace.
 */

import { type Patience, patiently } from "../domain/patience.ts";
import type { Warehouse } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import { readReached } from "./marks.ts";
import type { Progress, Wish } from "./progress.ts";
import { KEPT } from "./projection.ts";

const WANTED = "wanted";
export const WANTING: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${WANTED} (log LowCardinality(String), partition UInt32, epoch String, writer String, position Int64)
  ENGINE = ReplacingMergeTree(position) ORDER BY (log, partition, epoch, writer) ${KEPT}`,
];
const WISHES = `SELECT log, partition, max(${WANTED}.position) AS position FROM ${WANTED} WHERE epoch = {epoch:String} GROUP BY log, partition`;

/** Milliseconds between looks at how far others have come, while somebody waits. */
const LOOK_MS = 20;
/** Milliseconds between looks at what others wait for, while a batch is held back. */
const LISTEN_MS = 50;

type World = Patience & {
  readonly warehouse: Warehouse;
  readonly epoch: string;
  readonly progress: Progress;
  /** Whoever this process is. */
  readonly writer: string;
};

/** Until `stop`: learns how far others have come whenever somebody here waits for it. */
export const askOthers = async (world: World): Promise<void> => {
  const { warehouse, epoch, progress, writer, clock, stop } = world;
  const told = new Map<string, number>();
  let wake = (): void => undefined;
  progress.onWish(() => wake());
  whenStopped(stop, () => wake());
  const tell = async (wishes: readonly Wish[]): Promise<void> => {
    const fresh = wishes.filter(({ log, partition, position }) => (told.get(`${log}/${partition}`) ?? 0) < position);
    if (fresh.length === 0) return;
    const rows = fresh.map((wish) => ({ ...wish, epoch, writer }));
    await warehouse.insert(
      WANTED,
      rows,
      `${writer}/${fresh.map(({ log, partition, position }) => `${log}/${partition}/${position}`).join(",")}`,
    );
    for (const { log, partition, position } of fresh) told.set(`${log}/${partition}`, position);
  };
  const look = async (): Promise<void> => {
    for (const reached of await readReached(warehouse)) {
      if (reached.epoch === epoch) progress.advance(reached.log, reached.partition, reached.position);
    }
  };
  while (!stop.aborted) {
    if (progress.wishes().length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    await patiently(world, { doing: "wait" }, async () => {
      await look();
      await tell(progress.wishes());
    }).catch(unless(world));
    await clock.sleep(LOOK_MS, stop);
  }
};

/** Until `stop`: hurries a batch that is held back for its pace and that somebody waits for elsewhere. */
export const hearOthers = async (world: World): Promise<void> => {
  const { warehouse, epoch, progress, clock, stop } = world;
  while (!stop.aborted) {
    await clock.sleep(LISTEN_MS, stop);
    if (progress.dawdling === 0) continue;
    const wishes = await patiently(world, { doing: "listen" }, () => warehouse.select<Wish>(WISHES, { epoch })).catch(unless(world));
    for (const wish of wishes ?? []) progress.hear(wish);
  }
};

/** What fails while we stop was cut off by that. */
const unless =
  ({ stop }: Pick<World, "stop">) =>
  (error: unknown): undefined => {
    if (!stop.aborted) throw error;
  };
