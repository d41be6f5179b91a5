/**
 * One engine process among several: it joins, waits until it has its share of the partitions, and at a pass reads, derives and
 * commits all of them to the end, as a server with the role engine does (analytics/drive.ts over the log's own ownership).
 */

import { systemClock } from "../../../adapters/clock.ts";
import { openJournal } from "../../../adapters/journal-pino.ts";
import { openMeter } from "../../../adapters/meter-prometheus.ts";
import { type Driven, drive } from "../../../analytics/drive.ts";
import type { Logs, Owned, Release } from "../../../domain/ports.ts";
import { quantile } from "../../../test/support/figures.ts";
import type { Figures, Job } from "./job.ts";
import { openLog } from "./log.ts";

export type Driving = {
  /** A log for each pass, with the same facts. */
  readonly urls: readonly string[];
  readonly partitions: number;
  /** How many of the partitions this process is to have. */
  readonly share: number;
  /** Frames of a partition between checkpoints. */
  readonly checkpointFrames: number;
  /** Facts the log gives at once, and so in one commit, at most; the log's own choice unless said. */
  readonly factsPerBatch?: number;
};

type Gate = { readonly open: () => void; readonly opened: Promise<void> };
const createGate = (): Gate => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

type Running = {
  readonly logs: Logs;
  readonly release: Release;
  readonly go: Gate;
  readonly done: Promise<void>;
  /** Epoch milliseconds, comparable between processes. */
  from: number;
  to: number;
  readonly commits: number[];
  /** Milliseconds from one commit of a partition to its next: what a frame waits at most, while there is more to do than time for it. */
  readonly cycles: number[];
  alerts: number;
  derived: number;
  checkpoints: number;
};

const now = (): number => performance.timeOrigin + performance.now();
const CHECKPOINT_MS = 5000;

export const engine = ({ urls, partitions, share, checkpointFrames, factsPerBatch }: Driving): Promise<Job> => {
  const parts = {
    clock: systemClock,
    meter: openMeter(),
    journal: openJournal("warn"),
    watch: { late: () => undefined, clockReset: () => undefined },
  };
  let running: Running | undefined;

  const prepare = async (n: number): Promise<void> => {
    const logs = await openLog({ url: urls[n] as string, partitions }, factsPerBatch === undefined ? {} : { factsPerBatch });
    const go = createGate();
    const settled = createGate();
    const finished = createGate();
    let failed = (_: unknown): void => undefined;
    const failure = new Promise<never>((_, reject) => {
      failed = reject;
    });
    const mine = new Map<number, number>();
    const reached = new Set<number>();
    const figures = {
      from: Number.POSITIVE_INFINITY,
      to: 0,
      commits: [] as number[],
      cycles: [] as number[],
      alerts: 0,
      derived: 0,
      checkpoints: 0,
    };
    const own = async (owned: Owned): Promise<void> => {
      const { end } = await logs.facts.bounds(owned.partition);
      mine.set(owned.partition, end);
      if (mine.size === share) settled.open();
      let lost = false;
      void owned.lost.then(() => {
        lost = true;
        mine.delete(owned.partition);
      });
      await Promise.race([go.opened, owned.lost]);
      if (lost) return;
      let last = performance.now();
      const watched: Owned = {
        partition: owned.partition,
        lost: owned.lost,
        restore: async () => {
          const restored = await owned.restore();
          figures.from = Math.min(figures.from, now());
          last = performance.now();
          return restored;
        },
        commit: async (work) => {
          const start = performance.now();
          await owned.commit(work);
          const committed = performance.now();
          figures.commits.push(committed - start);
          figures.cycles.push(committed - last);
          last = committed;
          figures.derived += work.out.length;
          if (work.checkpoint !== undefined) figures.checkpoints++;
          for (const event of work.out) if (event.kind === "alert" && event.revision === 0) figures.alerts++;
          if (work.next < end || reached.has(owned.partition)) return;
          reached.add(owned.partition);
          figures.to = now();
          if (reached.size === share) finished.open();
        },
      };
      const driven: Driven = { position: 0, caughtUp: false, stopped: [] };
      await drive({ ...parts, logs }, { checkpointMs: CHECKPOINT_MS, checkpointFrames }, watched, driven);
    };
    const release = await logs.claim((owned) => own(owned).catch(failed));
    running = Object.assign(figures, { logs, release, go, done: Promise.race([finished.opened, failure]) });
    await Promise.race([settled.opened, failure]);
  };

  const pass = async (): Promise<Figures> => {
    if (running === undefined) throw new Error("a pass that was not prepared");
    running.go.open();
    await running.done;
    const { from, to, commits, cycles, alerts, derived, checkpoints } = running;
    return {
      from,
      to,
      seconds: (to - from) / 1000,
      alerts,
      derived,
      checkpoints,
      commits: commits.length,
      commitP50: quantile(commits, 0.5),
      commitP99: quantile(commits, 0.99),
      cycleP50: quantile(cycles, 0.5),
      cycleP99: quantile(cycles, 0.99),
    };
  };

  const finish = async (): Promise<void> => {
    await running?.release();
    await running?.logs.close();
    running = undefined;
  };
  return Promise.resolve({ prepare, pass, finish, end: () => Promise.resolve() });
};
