/** Opens the parts that the roles of this process need, joins them into the one Core that surfaces present, and closes them in order. */
import { randomUUID } from "node:crypto";
import { systemClock } from "./adapters/clock.ts";
import { openMeter } from "./adapters/meter-prometheus.ts";
import * as adapters from "./adapters/open.ts";
import type { Core } from "./api/core.ts";
import { accessOf, type Config, isShared, needs } from "./config.ts";
import { limits as defaultLimits, type Limits } from "./domain/limits.ts";
import { patiently } from "./domain/patience.ts";
import type { Journal } from "./domain/ports.ts";
import type { SourceSettings } from "./ingest/source-settings.ts";
import { createReadiness } from "./readiness.ts";
import { noApi, readOthers, startApi } from "./roles/api.ts";
import { startDecisions } from "./roles/decisions.ts";
import { startEngine } from "./roles/engine.ts";
import { startIngest, topicsIn } from "./roles/ingest.ts";
import { type Projector, startProjector } from "./roles/projector.ts";
import { createModels, type Models } from "./roles/warehouse.ts";
import type { Ports, World } from "./roles/world.ts";
import { watchWrites } from "./roles/writes.ts";

/** What opens the outside. A test may put something between. */
export type Openers = Pick<typeof adapters, "openLogs" | "openStore" | "openWarehouse">;

export type House = {
  readonly core: Core;
  /** Rejects when a part fails in a way no one may answer for. */
  readonly defect: Promise<never>;
  /** Call it when the doors are closed: what was taken in becomes durable, the memory is checkpointed, the partitions are let go. */
  close(): Promise<void>;
};

const limitsOf = (config: Config): Limits => ({ ...defaultLimits, aheadMs: config.MAX_AHEAD * 1000 });

/** Throws what an adapter throws on opening: `in-use`, `corrupt`, a partition count that is not the log's. */
export const compose = async (config: Config, given: { readonly journal: Journal; readonly openers?: Openers }): Promise<House> => {
  const { openLogs, openStore, openWarehouse } = given.openers ?? adapters;
  const meter = openMeter();
  const { journal } = given;
  const ports: Ports = { clock: systemClock, journal, meter };
  const dataDir = config.DATA;
  const limits = limitsOf(config);
  const roles = config.ROLES;
  const skipCorrupt = config.SKIP_CORRUPT === "" ? [] : config.SKIP_CORRUPT.split(",");
  const openTopic = (source: SourceSettings) => adapters.openSource(source, { url: config.LOG, access: accessOf(config) }, ports);
  const topics = roles.includes("ingest") ? await topicsIn(config.SOURCES, openTopic) : [];
  const opened = await openLogs(
    { url: config.LOG, dataDir, kafka: accessOf(config), journal },
    { partitions: config.PARTITIONS, skipCorrupt },
  );
  const { logs, taking } = watchWrites(opened, ports.clock);
  const store = needs(config, "STORE") ? await openStore({ url: config.STORE, dataDir, journal }) : undefined;

  const stopping = new AbortController();
  const { promise: defect, reject: fail } = Promise.withResolvers<never>();
  const world: World = { ...ports, config, limits, logs, isShared: isShared(config), stop: stopping.signal, fail };
  /** What runs until it is stopped. */
  const running: Promise<unknown>[] = [];
  const run = (part: Promise<unknown>): void => {
    part.catch(fail);
    running.push(part);
  };

  const decisions = store && startDecisions(store, world);
  if (decisions) run(decisions.done);
  const ingest = roles.includes("ingest") ? startIngest(world, topics) : undefined;
  if (ingest) run(ingest.done);
  const engine = roles.includes("engine") ? await startEngine(world) : undefined;
  const models = needs(config, "WAREHOUSE") ? createModels(world) : undefined;
  let projector: Projector | undefined;
  const read = async (open: Models): Promise<void> => {
    // A server that is away is waited for, at the start as at any time.
    const opened = () => openWarehouse({ url: config.WAREHOUSE, dataDir }, ports);
    const warehouse = await patiently({ ...ports, stop: world.stop }, { doing: "open the warehouse" }, opened);
    open.state.warehouse = warehouse;
    const writer = randomUUID();
    projector = roles.includes("projector") ? startProjector(world, open, warehouse, writer) : undefined;
    await Promise.all([projector?.done, world.isShared ? readOthers(world, open, warehouse, writer) : undefined]);
  };
  if (models)
    run(
      read(models).catch((error: unknown) => {
        if (!world.stop.aborted) throw error;
      }),
    );
  const api = models && roles.includes("api") ? await startApi(world, models) : undefined;
  if (api) run(api.done);

  const shares = roles.includes("projector") ? () => projector?.shares ?? new Set<number>() : undefined;
  const readiness = createReadiness(world, { roles, taking, store, driven: engine?.driven, shares, models });
  run(readiness.run());
  const core: Core = {
    roles,
    limits,
    journal,
    meter,
    now: ports.clock.now,
    receive: ingest?.receiver.receive ?? notHere,
    receiveState: ingest?.receiver.receiveState ?? notHere,
    camera: decisions?.cameras.camera ?? notHere,
    change: decisions?.cameras.change ?? notHere,
    ...(api?.answers ?? noApi(logs.facts.partitions)),
    ask: models?.ask ?? noAnswers,
    epoch: logs.facts.epoch,
    ready: readiness.ready,
    metrics: meter.text,
  };

  const close = async (): Promise<void> => {
    // Both wait for a log that is away, each for its time: together, so that who stops us need not wait for the sum.
    await Promise.all([ingest?.close(), engine?.release()]);
    stopping.abort();
    await Promise.allSettled(running);
    await models?.state.warehouse?.close();
    await store?.close();
    await logs.close();
  };
  return { core, defect, close };
};

/** The doors ask for nothing that the roles of this process do not serve (api/access.ts). */
const notHere = (): never => {
  throw new Error("no role of this process serves this");
};
const noAnswers: Core["ask"] = {
  alerts: notHere,
  alert: notHere,
  alertCounts: notHere,
  crossings: notHere,
  stays: notHere,
  tripwireCounts: notHere,
  tripwireHistogram: notHere,
  occupancyHistogram: notHere,
  uptime: notHere,
  frames: notHere,
  behavior: notHere,
};
