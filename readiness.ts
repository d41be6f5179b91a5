/** How far the readers have come: what `/readyz` says, what `after=` waits for, and the lag. */
import type { Driven } from "./analytics/drive.ts";
import type { Core, Readiness } from "./api/core.ts";
import type { Fact } from "./domain/event.ts";
import type { Limits } from "./domain/limits.ts";
import { AdapterError, type Clock, type Log, type Logs, type Meter, type Position, type Warehouse } from "./domain/ports.ts";
import { type Progress, recordsBetween } from "./projections/progress.ts";

/** Milliseconds between looks at how far the engine has come. */
const LOOK_MS = 2;
/** Records a projector may be behind and still be called ready: what is under way, not a backlog. */
const UNDER_WAY = 1000;
/** Milliseconds a refused write speaks for the log. Longer, and one that nobody sends to any more would never be ready again. */
const REFUSED_MS = 10_000;

/** What an operator is to do about it. */
export const DAMAGED = "is damaged: stop the server, delete the warehouse's folder and start again; it is built anew from the log";

type Models = {
  readonly progress: Progress;
  readonly state: { readonly warehouse: Warehouse | undefined; readonly opened: boolean; readonly damaged: boolean };
};

/** Whether the log takes what is written: only who writes to it sees a full disk. */
export type Taking = {
  /** What the last write was refused with, for a while after. */
  readonly refused: () => string | undefined;
};

/** The same logs; every write tells how it went. */
export const watchWrites = (logs: Logs, clock: Clock): { readonly logs: Logs; readonly taking: Taking } => {
  let last: { readonly code: string; readonly at: number } | undefined;
  const watched = async <T>(write: Promise<T>): Promise<T> => {
    try {
      const done = await write;
      last = undefined;
      return done;
    } catch (error) {
      if (error instanceof AdapterError && error.retryable) last = { code: error.code, at: clock.now() };
      throw error;
    }
  };
  const { facts, derived } = logs;
  const watchedFacts: Log<Fact> = {
    epoch: facts.epoch,
    partitions: facts.partitions,
    append: (events) => watched(facts.append(events)),
    read: (partition, from, how) => facts.read(partition, from, how),
    bounds: (partition) => facts.bounds(partition),
  };
  return {
    logs: {
      facts: watchedFacts,
      derived,
      claim: (own) =>
        logs.claim((owned) =>
          own({
            partition: owned.partition,
            lost: owned.lost,
            restore: () => owned.restore(),
            commit: (work) => watched(owned.commit(work)),
          }),
        ),
      share: (name, work) => logs.share(name, work),
      progress: (partition) => logs.progress(partition),
      putBase: (base) => logs.putBase(base),
      baseBefore: (camera, instant) => logs.baseBefore(camera, instant),
      retain: (policy) => logs.retain(policy),
      close: () => logs.close(),
    },
    taking: { refused: () => (last !== undefined && Math.abs(clock.now() - last.at) < REFUSED_MS ? last.code : undefined) },
  };
};

export const createReadiness =
  ({
    logs,
    taking,
    driven,
    models,
    meter,
  }: {
    readonly logs: Logs;
    readonly taking: Taking;
    readonly driven: readonly Driven[];
    readonly models: Models;
    readonly meter: Meter;
  }) =>
  async (): Promise<readonly Readiness[]> => {
    let engineBehind = 0;
    let projectorBehind = 0;
    const { progress } = models;
    const lag = { engine: 0, projector: 0 };
    for (const [partition, { position }] of driven.entries()) {
      const facts = (await logs.facts.bounds(partition)).end;
      const derived = (await logs.derived.bounds(partition)).end;
      engineBehind += recordsBetween(position, facts);
      lag.engine += progress.eventsBetween("facts", position, facts);
      for (const [log, end] of [["facts", facts] as const, ["derived", derived] as const]) {
        const passed = progress.passed(log, partition);
        projectorBehind += recordsBetween(passed, end);
        lag.projector += progress.eventsBetween(log, passed, end);
      }
    }
    const stopped = driven.flatMap(({ stopped: cameras }) => cameras);
    meter.set("tallywire_stopped_cameras", stopped.length);
    meter.set("tallywire_lag_frames", lag.engine, { stage: "engine" });
    meter.set("tallywire_lag_frames", lag.projector, { stage: "projector" });
    const restored = driven.every(({ caughtUp }) => caughtUp);
    const { warehouse, opened, damaged } = models.state;
    const caughtUp = opened && projectorBehind <= UNDER_WAY;
    const refused = taking.refused();
    return [
      { part: "log", ready: refused === undefined, detail: refused === undefined ? "takes facts" : `refused the last write: ${refused}` },
      { part: "engine", ready: restored, detail: restored ? "" : `${engineBehind} records behind` },
      {
        part: "warehouse",
        ready: opened,
        // It stays ready: frames are taken in, alerts are raised, and most questions are answered.
        detail: opened ? (damaged ? DAMAGED : "") : warehouse === undefined ? "is starting" : "is being compared with the log",
      },
      {
        part: "projector",
        ready: caughtUp,
        detail: caughtUp ? "" : opened ? `catching up, ${projectorBehind} records behind` : "waits for the warehouse",
      },
      ...stopped.map((camera) => ({ part: `camera ${camera}`, ready: true, detail: "stopped by a defect until it is redefined" })),
    ];
  };

/**
 * Waits until what was written at these positions can be read: until the projector has passed the facts, then until the engine
 * has committed past them and the projector has passed all that was derived by then. `frames` asks for the facts alone.
 */
export const createSettled =
  ({
    logs,
    progress,
    clock,
    limits,
  }: {
    readonly logs: Logs;
    readonly progress: Progress;
    readonly clock: Clock;
    readonly limits: Limits;
  }): Core["settled"] =>
  async (reached, what) => {
    const until = AbortSignal.timeout(limits.afterMs);
    const one = async ([partition, position]: readonly [number, Position]): Promise<boolean> => {
      // Questions about what follows read frames too: they speak for the last minute, of which nothing was told yet.
      if (!(await progress.until("facts", partition, position + 1, until))) return false;
      if (what === "frames") return true;
      for (;;) {
        const at = await logs.progress(partition);
        if (at.facts > position) return progress.until("derived", partition, at.derived, until);
        if (until.aborted) return false;
        await clock.sleep(LOOK_MS, until);
      }
    };
    return (await Promise.all([...reached].map(one))).every((passed) => passed);
  };
