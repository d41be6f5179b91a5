/** The table that is built beside another, filled from the log: partition by partition, slice by slice, each announced before it comes in. */
import type { Derived, Fact } from "../domain/event.ts";
import type { Batch, Position } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import { type Gathered, gathering, type Most } from "./batch.ts";
import { bridge } from "./rebuild-carry.ts";
import { again, type Half, note, tell } from "./rebuild-half.ts";

/** Smaller than a projector's batch: each keeps the warehouse from other work for as long as it takes. */
const SLICE: Most = { events: 4000, weight: 16_000 };

const set = (all: readonly Position[], partition: number, to: Position): readonly Position[] =>
  all.map((one, p) => (p === partition ? to : one));

/** Everything before this position of the partition is in. */
const reached = (half: Half, partition: number, to: Position, rows: number): void => {
  const { at } = half;
  const filled = { begins: set(at.begins, partition, to), ends: set(at.ends, partition, to) };
  half.at = { ...at, ...filled, rows: at.rows + rows };
  tell(half);
};

/** Slices up to `to`, fewer where the log drops meanwhile what is being read. Says how many. */
const fillOn = async (half: Half, partition: number, to: Position): Promise<number> => {
  const { projection, log, warehouse, next } = half;
  const { name, version } = projection;
  const gather = gathering([projection], { epoch: log.epoch, partition }, half.slice ?? SLICE);
  let work = gather.empty(half.at.begins[partition] ?? 0);
  let slices = 0;
  const bring = async ({ begin, end, rows: all }: Gathered): Promise<boolean> => {
    if ((await log.bounds(partition)).start > begin) return false;
    await note(half, { ends: set(half.at.ends, partition, end) });
    const rows = all.get(name) ?? [];
    await again(half, () => warehouse.insert(next, rows, `beside/${version}/${log.epoch}/${partition}/${begin}/${end}`));
    reached(half, partition, end, rows.length);
    slices += 1;
    return true;
  };
  for await (const batch of log.read(partition, work.begin, { to })) {
    for (let i = 0; i < batch.events.length; ) {
      i = gather.take(work, batch as Batch<Fact | Derived>, i);
      if (!gather.isFull(work)) continue;
      if (!(await bring(work))) return slices;
      work = gather.empty(work.end);
    }
    await rested(half.pause, half.stop);
  }
  // Nothing of ours may stand in the last records.
  if (work.begin < to) await bring({ ...work, end: to });
  return slices;
};

/** Fills a partition up to a position. Says in how many slices. */
export const fill = async (half: Half, partition: number, to: Position): Promise<number> => {
  let slices = 0;
  for (;;) {
    const { begins, ends } = half.at;
    const begin = begins[partition] ?? 0;
    if (begin >= to) return slices;
    const { start } = await half.log.bounds(partition);
    if (start > begin) {
      const end = Math.min(start, to);
      await bridge(half, partition, begin, end);
      reached(half, partition, end, 0);
      await note(half, {});
      slices += 1;
    } else {
      // What was announced comes in as it was announced, under the same token.
      const announced = ends[partition] ?? begin;
      slices += await fillOn(half, partition, announced > begin ? announced : to);
    }
    await rested(half.pause, half.stop);
  }
};
