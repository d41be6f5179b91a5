/** How far the readers have come: what `/readyz` says, what `after=` waits for, and the lag. */
import type { Driven } from "./analytics/drive.ts";
import type { Core, Readiness } from "./api/core.ts";
import type { Limits } from "./domain/limits.ts";
import { type Clock, EVENTS_PER_RECORD, type Logs, type Meter, type Position, type Warehouse } from "./domain/ports.ts";
import type { Progress } from "./projections/progress.ts";

/** Milliseconds between looks at how far the engine has come. */
const LOOK_MS = 2;
/** Records a projector may be behind and still be called ready: what is under way, not a backlog. */
const UNDER_WAY = 1000;

type Models = { readonly progress: Progress; readonly state: { readonly warehouse: Warehouse | undefined; readonly opened: boolean } };

const records = (from: Position, to: Position): number => Math.max(0, Math.ceil((to - from) / EVENTS_PER_RECORD));

export const createReadiness =
  ({
    logs,
    driven,
    models,
    meter,
  }: {
    readonly logs: Logs;
    readonly driven: readonly Driven[];
    readonly models: Models;
    readonly meter: Meter;
  }) =>
  async (): Promise<readonly Readiness[]> => {
    let engineBehind = 0;
    let projectorBehind = 0;
    for (const [partition, { position }] of driven.entries()) {
      const facts = (await logs.facts.bounds(partition)).end;
      const derived = (await logs.derived.bounds(partition)).end;
      engineBehind += records(position, facts);
      projectorBehind +=
        records(models.progress.passed("facts", partition), facts) + records(models.progress.passed("derived", partition), derived);
    }
    const stopped = driven.flatMap(({ stopped: cameras }) => cameras);
    meter.set("tallywire_stopped_cameras", stopped.length);
    meter.set("tallywire_lag_frames", engineBehind, { stage: "engine" });
    const restored = driven.every(({ caughtUp }) => caughtUp);
    const { warehouse, opened } = models.state;
    const caughtUp = opened && projectorBehind <= UNDER_WAY;
    return [
      { part: "log", ready: true, detail: "takes facts" },
      { part: "engine", ready: restored, detail: restored ? "" : `${engineBehind} records behind` },
      {
        part: "warehouse",
        ready: opened,
        detail: opened ? "" : warehouse === undefined ? "is starting" : "is being compared with the log",
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
 * Waits until what was written at these positions can be read: until the engine has committed past them, then until the
 * projector has passed all that was derived by then. `frames` asks for the facts alone.
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
      if (what === "frames") return progress.until("facts", partition, position + 1, until);
      for (;;) {
        const at = await logs.progress(partition);
        if (at.facts > position) return progress.until("derived", partition, at.derived, until);
        if (until.aborted) return false;
        await clock.sleep(LOOK_MS, until);
      }
    };
    return (await Promise.all([...reached].map(one))).every((passed) => passed);
  };
