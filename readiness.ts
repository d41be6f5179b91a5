/** What `/readyz` says and the lag: how the log takes what is written, and how far this process has come with what it has. */
import type { Driven } from "./analytics/drive.ts";
import type { Readiness } from "./api/core.ts";
import type { EventStore, Position } from "./domain/ports.ts";
import type { Role } from "./domain/roles.ts";
import { bookmarkFor } from "./ingest/relay.ts";
import { recordsBetween } from "./projections/progress.ts";
import { createLook, type Look } from "./roles/look.ts";
import { DAMAGED, type Models } from "./roles/warehouse.ts";
import type { World } from "./roles/world.ts";
import type { Taking } from "./roles/writes.ts";

/** Records a projector may be behind and still be called ready: what is under way, not a backlog. */
const UNDER_WAY = 1000;
/** Milliseconds between looks of our own: `/metrics` tells what was seen last and waits for nobody. */
const LOOK_EVERY_MS = 5000;

/** What this process has: without a role, nothing of its. */
export type Having = {
  readonly roles: readonly Role[];
  readonly taking: Taking;
  readonly store: EventStore | undefined;
  readonly driven: ReadonlyMap<number, Driven> | undefined;
  readonly shares: (() => ReadonlySet<number>) | undefined;
  readonly models: Models | undefined;
  readonly jobsSaid: (() => string) | undefined;
  readonly videoSaid: (() => string) | undefined;
};

type Part = Omit<Readiness, "roles">;
/** Where each partition ends; of the derived log only those that are brought in here. */
type Ends = { readonly facts: readonly Position[]; readonly derived: ReadonlyMap<number, Position> };

export type Ready = {
  readonly ready: () => Promise<readonly Readiness[]>;
  /** Keeps the gauges fresh until the process stops. */
  readonly run: () => Promise<void>;
};

export const createReadiness = (world: World, having: Having): Ready => {
  const { logs, limits, clock, stop } = world;
  const { roles, taking, store, driven, shares, models, jobsSaid, videoSaid } = having;

  const ends = async (): Promise<Ends> => {
    const endOf = async (log: "facts" | "derived", partition: number): Promise<Position> => (await logs[log].bounds(partition)).end;
    const [facts, derived] = await Promise.all([
      Promise.all(Array.from({ length: logs.facts.partitions }, (_, partition) => endOf("facts", partition))),
      Promise.all([...(shares?.() ?? [])].map(async (partition) => [partition, await endOf("derived", partition)] as const)),
    ]);
    return { facts, derived: new Map(derived) };
  };
  const lookAtLog = createLook(world, limits.readyMs, ends);
  const lookAtStore = store && createLook(world, limits.readyMs, () => store.bookmark(bookmarkFor(logs.facts)));
  /** Only what could not be told before: whoever asks for a partition's progress follows it for a while. */
  const progress = async (untold: Set<number>): Promise<void> => {
    for (const partition of untold) {
      await logs.progress(partition);
      untold.delete(partition);
    }
  };
  const lookAtProgress = models && createLook(world, limits.readyMs, () => progress(models.state.untold));

  const of = (...users: readonly Role[]): readonly Role[] => roles.filter((role) => users.includes(role));
  const ready = async (): Promise<readonly Readiness[]> => {
    const [log, decisions, told] = await Promise.all([lookAtLog(), lookAtStore?.(), lookAtProgress?.()]);
    const parts: Readiness[] = [];
    const add = (users: readonly Role[], part: Part): void => {
      if (users.length > 0) parts.push({ ...part, roles: users });
    };
    add(roles, logPart(taking.refused(), log));
    if (decisions !== undefined) add(of("ingest", "api", "jobs", "video"), storePart(decisions));
    if (driven !== undefined) for (const part of engineParts(world, models, driven, log)) add(of("engine"), part);
    if (models !== undefined) add(of("projector", "api", "jobs", "video"), warehousePart(models));
    if (told !== undefined && "failed" in told)
      add(of("api"), { kind: "warehouse", part: "progress", ready: false, detail: `how far the engine is cannot be read: ${told.failed}` });
    if (models !== undefined && shares !== undefined) add(of("projector"), projectorPart(world, models, shares(), log));
    if (jobsSaid !== undefined) add(of("jobs"), { kind: "jobs", part: "jobs", ready: true, detail: jobsSaid() });
    // It stays ready: all else is served without films, and a camera that is away is its own matter.
    if (videoSaid !== undefined) add(of("video"), { kind: "video", part: "video", ready: true, detail: videoSaid() });
    return parts;
  };
  const run = async (): Promise<void> => {
    while (!stop.aborted) {
      await ready();
      await clock.sleep(LOOK_EVERY_MS, stop);
    }
  };
  return { ready, run };
};

const logPart = (refused: string | undefined, log: Look<Ends>): Part => {
  const wrong = [...(refused === undefined ? [] : [`refused the last write: ${refused}`]), ...("failed" in log ? [log.failed] : [])];
  return { kind: "log", part: "log", ready: wrong.length === 0, detail: wrong.length === 0 ? "takes facts" : wrong.join("; ") };
};

/** It stays ready: only definitions need it, and who is not ready is sent no frames either. */
const storePart = (decisions: Look<Position>): Part => ({
  kind: "log",
  part: "store",
  ready: true,
  detail: "failed" in decisions ? `definitions cannot be read or changed: ${decisions.failed}` : "answers",
});

/** A process may have none, where there are more of them than partitions: others have them all. */
const has = (count: number, all: number): string => `has ${count} of ${all} partitions`;

const engineParts = (
  { logs, meter }: World,
  models: Models | undefined,
  driven: ReadonlyMap<number, Driven>,
  log: Look<Ends>,
): readonly Part[] => {
  const stopped = [...driven.values()].flatMap(({ stopped: cameras }) => cameras);
  meter.set("tallywire_stopped_cameras", stopped.length);
  meter.set("tallywire_partitions", driven.size, { role: "engine" });
  let behind: number | undefined;
  if ("seen" in log) {
    behind = 0;
    let lag = 0;
    for (const [partition, { position }] of driven) {
      const end = log.seen.facts[partition] ?? position;
      const records = recordsBetween(position, end);
      behind += records;
      lag += models?.progress.eventsBetween("facts", position, end) ?? records;
    }
    meter.set("tallywire_lag_frames", lag, { stage: "engine" });
  }
  const restored = [...driven.values()].every(({ caughtUp }) => caughtUp);
  const said = [has(driven.size, logs.facts.partitions), ...(restored ? [] : [`${behind ?? "an unknown number of"} records behind`])];
  return [
    { kind: "log", part: "engine", ready: restored, detail: said.join(", ") },
    ...stopped.map(
      (camera): Part => ({ kind: "camera", part: `camera ${camera}`, ready: true, detail: "stopped by a defect until it is redefined" }),
    ),
  ];
};

/** Questions to other tables are answered, and what is taken in comes into them. */
const beingBuilt = (building: Models["state"]["building"], out: readonly string[]): string =>
  out
    .map((table) => {
      const { done, of } = building.get(table) ?? { done: 0, of: 0 };
      return `${table} is being built anew, ${of === 0 ? 0 : Math.floor((done / of) * 100)} %`;
    })
    .join("; ");

const warehousePart = ({ state: { warehouse, opened, damaged, building }, borders }: Models): Part => ({
  kind: "warehouse",
  part: "warehouse",
  ready: opened,
  // It stays ready: frames are taken in, alerts are raised, and most questions are answered.
  detail: opened
    ? damaged
      ? DAMAGED
      : beingBuilt(building, borders.out())
    : warehouse === undefined
      ? "is starting"
      : "is being compared with the log",
});

const projectorPart = ({ logs, meter }: World, { progress, state }: Models, shares: ReadonlySet<number>, log: Look<Ends>): Part => {
  meter.set("tallywire_partitions", shares.size, { role: "projector" });
  let behind = 0;
  if ("seen" in log) {
    let lag = 0;
    for (const partition of shares) {
      for (const kind of ["facts", "derived"] as const) {
        const passed = progress.passed(kind, partition);
        // One that was given to this process during the look is counted at the next.
        const end = (kind === "facts" ? log.seen.facts[partition] : log.seen.derived.get(partition)) ?? passed;
        behind += recordsBetween(passed, end);
        lag += progress.eventsBetween(kind, passed, end);
      }
    }
    meter.set("tallywire_lag_frames", lag, { stage: "projector" });
  }
  const ready = state.warehouse !== undefined && behind <= UNDER_WAY && progress.held().length === 0;
  const said = [
    has(shares.size, logs.facts.partitions),
    ...(state.warehouse === undefined ? ["waits for the warehouse"] : progress.held()),
    ...(behind > UNDER_WAY ? [`catching up, ${behind} records behind`] : []),
  ];
  return { kind: "warehouse", part: "projector", ready, detail: said.join("; ") };
};
