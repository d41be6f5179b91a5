/** What `/readyz` says and the lag: how the log takes what is written, and how far this process has come with what it has. */
import type { Driven } from "./analytics/drive.ts";
import type { Readiness } from "./api/core.ts";
import type { Fact } from "./domain/event.ts";
import { AdapterError, type Clock, type Log, type Logs, type Meter } from "./domain/ports.ts";
import type { Role } from "./domain/roles.ts";
import { recordsBetween } from "./projections/progress.ts";
import { DAMAGED, type Models } from "./roles/warehouse.ts";

/** Records a projector may be behind and still be called ready: what is under way, not a backlog. */
const UNDER_WAY = 1000;
/** Milliseconds a refused write speaks for the log. Longer, and one that nobody sends to any more would never be ready again. */
const REFUSED_MS = 10_000;

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

/** What this process has: without a role, nothing of its. */
export type Having = {
  readonly roles: readonly Role[];
  readonly logs: Logs;
  readonly taking: Taking;
  readonly driven: ReadonlyMap<number, Driven> | undefined;
  readonly shares: (() => ReadonlySet<number>) | undefined;
  readonly models: Models | undefined;
  readonly meter: Meter;
};

type Part = Omit<Readiness, "roles">;

export const createReadiness = (having: Having) => async (): Promise<readonly Readiness[]> => {
  const { roles, taking, driven, shares, models } = having;
  const of = (...users: readonly Role[]): readonly Role[] => roles.filter((role) => users.includes(role));
  const refused = taking.refused();
  const parts: Readiness[] = [];
  const add = (users: readonly Role[], part: Part): void => {
    if (users.length > 0) parts.push({ ...part, roles: users });
  };
  const detail = refused === undefined ? "takes facts" : `refused the last write: ${refused}`;
  add(of("ingest", "engine", "api"), { part: "log", ready: refused === undefined, detail });
  if (driven !== undefined) for (const part of await engineParts(having, driven)) add(of("engine"), part);
  if (models !== undefined) add(of("projector", "api"), warehousePart(models));
  if (models !== undefined && shares !== undefined) add(of("projector"), await projectorPart(having, models, shares()));
  return parts;
};

/** A process may have none, where there are more of them than partitions: others have them all. */
const has = (count: number, all: number): string => `has ${count} of ${all} partitions`;

const engineParts = async ({ logs, models, meter }: Having, driven: ReadonlyMap<number, Driven>): Promise<readonly Part[]> => {
  let behind = 0;
  let lag = 0;
  for (const [partition, { position }] of driven) {
    const { end } = await logs.facts.bounds(partition);
    const records = recordsBetween(position, end);
    behind += records;
    lag += models?.progress.eventsBetween("facts", position, end) ?? records;
  }
  const stopped = [...driven.values()].flatMap(({ stopped: cameras }) => cameras);
  meter.set("tallywire_stopped_cameras", stopped.length);
  meter.set("tallywire_lag_frames", lag, { stage: "engine" });
  meter.set("tallywire_partitions", driven.size, { role: "engine" });
  const restored = [...driven.values()].every(({ caughtUp }) => caughtUp);
  return [
    {
      part: "engine",
      ready: restored,
      detail: `${has(driven.size, logs.facts.partitions)}${restored ? "" : `, ${behind} records behind`}`,
    },
    ...stopped.map((camera) => ({ part: `camera ${camera}`, ready: true, detail: "stopped by a defect until it is redefined" })),
  ];
};

const warehousePart = ({ state: { warehouse, opened, damaged } }: Models): Part => ({
  part: "warehouse",
  ready: opened,
  // It stays ready: frames are taken in, alerts are raised, and most questions are answered.
  detail: opened ? (damaged ? DAMAGED : "") : warehouse === undefined ? "is starting" : "is being compared with the log",
});

const projectorPart = async ({ logs, meter }: Having, { progress, state }: Models, shares: ReadonlySet<number>): Promise<Part> => {
  let behind = 0;
  let lag = 0;
  for (const partition of shares) {
    for (const log of ["facts", "derived"] as const) {
      const { end } = await logs[log].bounds(partition);
      const passed = progress.passed(log, partition);
      behind += recordsBetween(passed, end);
      lag += progress.eventsBetween(log, passed, end);
    }
  }
  meter.set("tallywire_lag_frames", lag, { stage: "projector" });
  meter.set("tallywire_partitions", shares.size, { role: "projector" });
  const ready = state.warehouse !== undefined && behind <= UNDER_WAY && progress.held().length === 0;
  const said = [
    has(shares.size, logs.facts.partitions),
    ...(state.warehouse === undefined ? ["waits for the warehouse"] : progress.held()),
    ...(behind > UNDER_WAY ? [`catching up, ${behind} records behind`] : []),
  ];
  return { part: "projector", ready, detail: said.join("; ") };
};
