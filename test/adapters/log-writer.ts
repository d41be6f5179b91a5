/** A process that appends and commits as fast as it can and prints what was acknowledged; it is killed in the middle. */
import { writeSync } from "node:fs";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { EVENTS_PER_RECORD } from "../../domain/ports.ts";
import { cameraIn, coverage, frame, TENANT } from "../conformance/events.ts";

const [dir = "", from = "0"] = process.argv.slice(2);
const PARTITIONS = 2;
const logs = await openLmdbLogs({ dir, partitions: PARTITIONS });
const camera = cameraIn(0, PARTITIONS);
/** Synchronous, so that a line that was printed is out before the process can die. */
const say = (line: object): unknown => writeSync(1, `${JSON.stringify(line)}\n`);

let next = Number(from);
const appending = async (): Promise<void> => {
  for (;;) {
    const ns = Array.from({ length: 20 }, () => next++);
    const positions = await logs.facts.append(ns.map((n) => frame(camera, n)));
    say({ ns, positions });
  }
};
await logs.claim(async (owned) => {
  if (owned.partition !== 0) return;
  const { next: begun } = await owned.restore();
  for (let n = begun / EVENTS_PER_RECORD + 1; ; n++) {
    // One derived event and one camera's memory for each position committed: they must never be seen apart.
    const checkpoint = [{ tenant: TENANT, camera, memory: n }];
    await owned.commit({ out: [coverage(camera, n)], next: n * EVENTS_PER_RECORD, checkpoint });
    say({ committed: n });
  }
});
await Promise.all([appending(), appending(), appending()]);
