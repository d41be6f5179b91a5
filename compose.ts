/** Opens the parts, joins them into the one Core that surfaces present, and closes them in order. */
import { randomUUID } from "node:crypto";
import { systemClock } from "./adapters/clock.ts";
import { openMeter } from "./adapters/meter-prometheus.ts";
import * as adapters from "./adapters/open.ts";
import { type Driven, type DriveParts, drive } from "./analytics/drive.ts";
import { openTail } from "./analytics/tail.ts";
import type { Core } from "./api/core.ts";
import type { Config } from "./config.ts";
import { cameraDecider } from "./domain/camera-decider.ts";
import { partitionOf } from "./domain/ids.ts";
import { limits as defaultLimits, type Limits } from "./domain/limits.ts";
import {
  AdapterError,
  type Clock,
  type Journal,
  type Logs,
  type Meter,
  type Owned,
  type Position,
  type Stop,
  type Warehouse,
} from "./domain/ports.ts";
import { createCameras } from "./ingest/decide.ts";
import { createReceiver } from "./ingest/receive.ts";
import { createRelay } from "./ingest/relay.ts";
import { ask } from "./projections/ask.ts";
import { projections } from "./projections/index.ts";
import { openProjections } from "./projections/open.ts";
import { Progress } from "./projections/progress.ts";
import { project } from "./projections/projector.ts";
import { createReadiness, createSettled, DAMAGED, watchWrites } from "./readiness.ts";

/** What opens the outside. A test may put something between. */
export type Openers = Pick<typeof adapters, "openLogs" | "openStore" | "openWarehouse">;

export type House = {
  readonly core: Core;
  /** Rejects when a part fails in a way no one may answer for. */
  readonly defect: Promise<never>;
  /** Call it when the doors are closed: what was taken in becomes durable, the memory is checkpointed. */
  close(): Promise<void>;
};

const DAY_MS = 24 * 60 * 60 * 1000;
const RETAIN_EVERY_MS = 60 * 60 * 1000;
/** Soon after a start too: a server that is started again every half hour must drop old facts all the same. */
const FIRST_RETAIN_MS = 60 * 1000;
/** Milliseconds before an owner whose log failed for a while tries again. */
const RETRY_MS = 1000;
/** Milliseconds between two lines about the same trouble: a full disk must not fill the journal too. */
const SAY_MS = 60_000;

/** An owner whose log fails for a while (a full disk) starts over from the last commit; a fenced one lets go. */
export const owner =
  (parts: DriveParts, config: Config, driven: readonly Driven[]) =>
  async (owned: Owned): Promise<void> => {
    const options = { checkpointMs: config.CHECKPOINT_SECONDS * 1000, checkpointFrames: config.CHECKPOINT_FRAMES };
    for (let said = Number.NEGATIVE_INFINITY; ; ) {
      try {
        return await drive(parts, options, owned, driven[owned.partition] as Driven);
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        if (error.code === "fenced") return parts.journal.warn({ partition: owned.partition }, "partition taken by another owner");
        if (!error.retryable) throw error;
        if (parts.clock.now() - said >= SAY_MS) {
          said = parts.clock.now();
          parts.journal.error(
            { err: error, partition: owned.partition },
            "the log cannot take what was derived; it is tried until it does",
          );
        }
        await parts.clock.sleep(RETRY_MS);
      }
    }
  };

type Ports = { readonly clock: Clock; readonly journal: Journal; readonly meter: Meter };

/** Opens beside the doors: frames are taken in while the warehouse starts, is compared with the log and catches up. */
const openReadModels = (
  logs: Logs,
  open: () => Promise<Warehouse>,
  limits: Limits,
  { clock, journal, meter }: Ports,
  stop: AbortSignal,
) => {
  const progress = new Progress();
  const state: { warehouse: Warehouse | undefined; opened: boolean; damaged: boolean } = {
    warehouse: undefined,
    opened: false,
    damaged: false,
  };
  /** A byte that rotted in a part is met by who asks for it, and by nobody else. */
  const damaged = (error: unknown): never => {
    if (error instanceof AdapterError && error.code === "corrupt" && !state.damaged) {
      state.damaged = true;
      journal.error({ err: error }, `the warehouse ${DAMAGED}`);
    }
    throw error;
  };
  let opened = (): void => undefined;
  const opening = new Promise<void>((resolve) => {
    opened = resolve;
  });
  /** A question that comes while the warehouse opens waits as long as one that asks for what was just written. */
  const answering: Pick<Warehouse, "select"> = {
    select: async (sql, params) => {
      if (!state.opened) await Promise.race([opening, clock.sleep(limits.afterMs, stop)]);
      if (state.warehouse === undefined || !state.opened)
        throw new AdapterError("unavailable", "The warehouse is starting.", { retryable: true });
      return state.warehouse.select<never>(sql, params).catch(damaged);
    },
  };
  const run = async (): Promise<void> => {
    const warehouse = await open();
    state.warehouse = warehouse;
    const patience = { clock, journal, stop };
    await openProjections({ ...patience, facts: logs.facts, derived: logs.derived, warehouse, projections, meter });
    state.opened = true;
    opened();
    const numbers = Array.from({ length: logs.facts.partitions }, (_, partition) => partition);
    const one = (kind: "facts" | "derived") => (partition: number) =>
      project({ ...patience, kind, log: logs[kind], partition, projections, warehouse, progress });
    await Promise.all([...numbers.map(one("facts")), ...numbers.map(one("derived"))]);
  };
  const done = run().catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  return { ask: ask(answering, { clock, meter }), progress, state, done };
};

/** A full disk is when it is needed most, and may be why a drop fails: then it is tried again at the next look. */
export const retention = async (
  logs: Logs,
  passed: (partition: number) => Position,
  config: Pick<Config, "FACTS_DAYS" | "FACTS_BYTES">,
  { clock, journal }: Pick<Ports, "clock" | "journal">,
  stop: Stop,
): Promise<void> => {
  for (let waitMs = FIRST_RETAIN_MS; ; waitMs = RETAIN_EVERY_MS) {
    await clock.sleep(waitMs, stop);
    if (stop.aborted) return;
    const keepFrom = Array.from({ length: logs.facts.partitions }, (_, partition) => passed(partition));
    const policy = { arrivedBefore: clock.now() - config.FACTS_DAYS * DAY_MS, maxBytes: config.FACTS_BYTES, keepFrom };
    try {
      const dropped = await logs.retain(policy);
      if (dropped > 0) journal.info({ records: dropped }, "old facts dropped");
    } catch (error) {
      if (!(error instanceof AdapterError && error.retryable)) throw error;
      journal.error({ err: error }, "old facts could not be dropped; it is tried again");
    }
  }
};

const limitsOf = (config: Config): Limits => ({ ...defaultLimits, aheadMs: config.MAX_AHEAD * 1000 });

/** Throws what an adapter throws on opening: `in-use`, `corrupt`, a partition count that is not the log's. */
export const compose = async (config: Config, given: { readonly journal: Journal; readonly openers?: Openers }): Promise<House> => {
  const { openLogs, openStore, openWarehouse } = given.openers ?? adapters;
  const limits = limitsOf(config);
  const meter = openMeter();
  const ports: Ports = { clock: systemClock, journal: given.journal, meter };
  const dataDir = config.DATA;
  const skipCorrupt = config.SKIP_CORRUPT === "" ? [] : config.SKIP_CORRUPT.split(",");
  const kafka = {
    username: config.KAFKA_USERNAME,
    password: config.KAFKA_PASSWORD,
    mechanism: config.KAFKA_MECHANISM,
    ca: config.KAFKA_CA,
    cert: config.KAFKA_CERT,
    key: config.KAFKA_KEY,
  };
  const { journal } = given;
  const opened = await openLogs({ url: config.LOG, dataDir, kafka, journal }, { partitions: config.PARTITIONS, skipCorrupt });
  const { logs, taking } = watchWrites(opened, ports.clock);
  const store = await openStore({ url: config.STORE, dataDir, journal });

  const stopping = new AbortController();
  const stop = stopping.signal;
  const partitions = logs.facts.partitions;
  const { facts } = logs;
  const relay = createRelay({ store, facts, ...ports });
  const cameras = createCameras({
    store,
    relay,
    decider: cameraDecider,
    clock: ports.clock,
    ids: randomUUID,
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, partitions),
  });
  const receiver = createReceiver({ facts, limits, ...ports });
  const tail = await openTail(logs.derived, stop);
  const driven: readonly Driven[] = Array.from({ length: partitions }, () => ({ position: 0, caughtUp: false, stopped: [] }));
  const watch = { late: () => meter.count("tallywire_late_frames_total"), clockReset: () => meter.count("tallywire_clock_resets_total") };

  let fail: (error: unknown) => void = () => undefined;
  const defect = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const relaying = relay.run(stop);
  const own = owner({ logs, ...ports, watch }, config, driven);
  const release = await logs.claim((owned) => own(owned).catch(fail));
  const models = openReadModels(logs, () => openWarehouse({ url: config.WAREHOUSE, dataDir }, ports), limits, ports, stop);
  const retaining = retention(logs, (partition) => models.progress.passed("facts", partition), config, ports, stop);
  for (const part of [relaying, models.done, retaining, tail.done]) part.catch(fail);

  const ready = createReadiness({ logs, taking, driven, models, meter });
  const core: Core = {
    limits,
    journal: ports.journal,
    meter,
    now: ports.clock.now,
    receive: receiver.receive,
    receiveState: receiver.receiveState,
    camera: cameras.camera,
    change: cameras.change,
    settled: createSettled({ logs, progress: models.progress, clock: ports.clock, limits }),
    ask: models.ask,
    epoch: facts.epoch,
    tailStart: () => Promise.all(driven.map(async (_, partition) => (await logs.derived.bounds(partition)).start)),
    tail: tail.subscribe,
    between: tail.between,
    ready,
    metrics: async () => {
      await ready();
      return meter.text();
    },
  };

  const close = async (): Promise<void> => {
    await receiver.drain();
    await release();
    stopping.abort();
    await Promise.allSettled([relaying, models.done, retaining, tail.done]);
    await models.state.warehouse?.close();
    await store.close();
    await logs.close();
  };
  return { core, defect, close };
};
