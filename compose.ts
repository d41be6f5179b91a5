/** Opens the parts that the roles of this process need, joins them into the one Core that surfaces present, and closes them in order. */
import { randomUUID } from "node:crypto";
import { openCameraNetwork } from "./adapters/camera-network.ts";
import { systemClock } from "./adapters/clock.ts";
import { systemLoop } from "./adapters/loop.ts";
import { openMeter } from "./adapters/meter-prometheus.ts";
import * as adapters from "./adapters/open.ts";
import { openVault } from "./adapters/vault.ts";
import type { Core } from "./api/core.ts";
import { accessOf, type Config, isShared, needs, portsOf } from "./config.ts";
import { createBudget, type Loop } from "./domain/budget.ts";
import { limits as defaultLimits, type Limits } from "./domain/limits.ts";
import { patiently } from "./domain/patience.ts";
import type { EventStore, Films, Journal } from "./domain/ports.ts";
import type { Urls } from "./ingest/camera-url.ts";
import { createSensors } from "./ingest/sensors.ts";
import type { SourceSettings } from "./ingest/source-settings.ts";
import type { Topic } from "./ingest/sources.ts";
import { createReadiness } from "./readiness.ts";
import { noApi, readOthers, startApi } from "./roles/api.ts";
import { startDecisions } from "./roles/decisions.ts";
import { type Engine, startEngine } from "./roles/engine.ts";
import { createHearing } from "./roles/hearing.ts";
import { type Ingest, startIngest, topicsIn } from "./roles/ingest.ts";
import { startJobs } from "./roles/jobs.ts";
import { type Projector, startProjector } from "./roles/projector.ts";
import { createFactReplay, tailAt } from "./roles/replay.ts";
import { startVideo, type VideoSide } from "./roles/video.ts";
import { createModels, type Models } from "./roles/warehouse.ts";
import type { Ports, World } from "./roles/world.ts";
import { type Taking, watchWrites } from "./roles/writes.ts";
import { DAY_MS } from "./settings.ts";

/** What opens the outside. A test may put something between. */
export type Openers = Pick<typeof adapters, "openLogs" | "openStore" | "openWarehouse"> & Partial<Pick<typeof adapters, "openFilms">>;

export type House = {
  readonly core: Core;
  /** Rejects when a part fails in a way no one may answer for. */
  readonly defect: Promise<never>;
  /** Call it when the doors are closed: what was taken in becomes durable, the memory is checkpointed, the partitions are let go. */
  close(): Promise<void>;
};

const limitsOf = (config: Config): Limits => ({
  ...defaultLimits,
  aheadMs: config.MAX_AHEAD * 1000,
  sensorsPerTenant: config.SENSORS_PER_TENANT,
  playbacks: config.PLAYBACKS,
  playbacksPerTenant: config.PLAYBACKS_PER_TENANT,
});

/** Throws what an adapter throws on opening: `in-use`, `corrupt`, a partition count that is not the log's. Nothing is open then. */
export const compose = async (
  config: Config,
  given: {
    readonly journal: Journal;
    readonly openers?: Openers /** The port listened on, once there is one. */;
    readonly port?: () => number | undefined;
  },
): Promise<House> => {
  const openers = given.openers ?? adapters;
  const { journal } = given;
  const meter = openMeter();
  const ports: Ports = { clock: systemClock, journal, meter };
  const roles = config.ROLES;
  const openTopic = (source: SourceSettings) => adapters.openSource(source, { url: config.LOG, access: accessOf(config) }, ports);
  const topics = roles.includes("ingest") ? await topicsIn(config.SOURCES, openTopic) : [];
  const opened = await openers.openLogs(
    { url: config.LOG, dataDir: config.DATA, kafka: accessOf(config), journal },
    { partitions: config.PARTITIONS, skipCorrupt: config.SKIP_CORRUPT === "" ? [] : config.SKIP_CORRUPT.split(",") },
  );
  const { logs, taking } = watchWrites(opened, ports.clock);

  const stopping = new AbortController();
  const { promise: defect, reject: fail } = Promise.withResolvers<never>();
  // It may come while the rest is opened, and nobody can wait for it before that is done.
  defect.catch(() => undefined);
  const limits = limitsOf(config);
  const sensors = createSensors(limits.sensorsPerTenant);
  const archive = config.ARCHIVE === "" ? undefined : adapters.openArchive(config.ARCHIVE, logs.facts.epoch);
  const stop = stopping.signal;
  // Who rests when the process is to end is not waited for.
  const loop: Loop = { ...systemLoop, sleep: (ms) => ports.clock.sleep(ms, stop) };
  const { createPause } = createBudget(loop, config.JOBS_SHARE);
  const world: World = { ...ports, config, limits, sensors, logs, archive, isShared: isShared(config), stop, createPause, fail };
  const ownPorts = () => [...portsOf(config), given.port?.()].filter((port) => port !== undefined);
  const urls: Urls = { vault: openVault(config.SECRET_KEY), network: openCameraNetwork({ allow: config.RTSP_ALLOW, ownPorts }) };
  const open: Open = { running: [] };
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    /** One part that cannot be closed leaves no other open. */
    const closing = async (part: string, work: () => Promise<void> | undefined): Promise<void> => {
      try {
        await work();
      } catch (error) {
        journal.error({ err: error, part }, "a part could not be closed");
        failures.push(error);
      }
    };
    // Both wait for a log that is away, each for its time: together, so that who stops us need not wait for the sum.
    await Promise.all([closing("ingest", () => open.ingest?.close()), closing("engine", () => open.engine?.release())]);
    stopping.abort();
    await closing("video", () => open.video?.close());
    await Promise.allSettled(open.running);
    await closing("warehouse", () => open.models?.state.warehouse?.close());
    await closing("store", () => open.store?.close());
    await closing("log", () => logs.close());
    if (failures.length > 0) throw failures[0];
  };
  try {
    return { core: { ...(await furnish(world, open, { openers, topics, taking, urls })), metrics: meter.text }, defect, close };
  } catch (error) {
    // A connection that stays open would keep a process alive that nobody can reach.
    await close().catch((cause: unknown) => journal.error({ err: cause }, "what was open could not be closed"));
    throw error;
  }
};

/** What there is to close. */
type Open = {
  store?: EventStore | undefined;
  ingest?: Ingest | undefined;
  engine?: Engine | undefined;
  models?: Models | undefined;
  video?: VideoSide | undefined;
  /** What runs until it is stopped. */
  readonly running: Promise<unknown>[];
};

type Having = { readonly openers: Openers; readonly topics: readonly Topic[]; readonly taking: Taking; readonly urls: Urls };

/** Opens and starts the rest, part by part, each noted in `open` as soon as it is there. */
const furnish = async (world: World, open: Open, { openers, topics, taking, urls }: Having): Promise<Omit<Core, "metrics">> => {
  const { config, logs, limits, journal, meter, clock, fail } = world;
  const roles = config.ROLES;
  const dataDir = config.DATA;
  const run = (part: Promise<unknown>): void => {
    part.catch(fail);
    open.running.push(part);
  };

  const store = needs(config, "STORE") ? await openers.openStore({ url: config.STORE, dataDir, journal }) : undefined;
  open.store = store;
  // What is decided is told from the first decision on, and who hears of it needs the decisions to begin: of each stream it needs the newest.
  const hearing = createHearing();
  const decisions = store && startDecisions(store, urls, world, hearing.tell);
  if (decisions) run(decisions.done);
  const ingest = roles.includes("ingest") ? startIngest(world, topics) : undefined;
  open.ingest = ingest;
  if (ingest) run(ingest.done);
  const engine = roles.includes("engine") ? await startEngine(world) : undefined;
  open.engine = engine;
  const models = needs(config, "WAREHOUSE") ? createModels(world) : undefined;
  open.models = models;
  let projector: Projector | undefined;
  const read = async (reading: Models): Promise<void> => {
    // A server that is away is waited for, at the start as at any time.
    const opening = () => openers.openWarehouse({ url: config.WAREHOUSE, dataDir }, { journal, meter });
    const warehouse = await patiently(world, { doing: "open the warehouse" }, opening);
    reading.state.warehouse = warehouse;
    const writer = randomUUID();
    projector = roles.includes("projector") ? startProjector(world, reading, warehouse, writer) : undefined;
    await Promise.all([projector?.done, world.isShared ? readOthers(world, reading, warehouse, writer) : undefined]);
  };
  if (models)
    run(
      read(models).catch((error: unknown) => {
        if (!world.stop.aborted) throw error;
      }),
    );
  const ofVideo = { urls, receiver: ingest?.receiver, openFilms: () => openFilms(world, urls, openers) };
  const video =
    decisions && models && roles.includes("video")
      ? await startVideo(world, { ...ofVideo, decisions, signs: models.ask.signs })
      : undefined;
  open.video = video;
  if (video) {
    hearing.join(video.note);
    run(video.done);
  }
  const hasJobs = roles.includes("jobs") || roles.includes("api");
  const jobs = decisions && models && hasJobs ? startJobs(world, { decisions, models }) : undefined;
  if (jobs) {
    hearing.join(jobs.note);
    run(jobs.done);
  }
  hearing.begin();
  const api = models && roles.includes("api") ? await startApi(world, models) : undefined;
  if (api) run(api.done);

  const shares = roles.includes("projector") ? () => projector?.shares ?? new Set<number>() : undefined;
  const readiness = createReadiness(world, {
    roles,
    taking,
    store,
    driven: engine?.driven,
    shares,
    models,
    jobsSaid: jobs?.said,
    videoSaid: video?.said,
  });
  run(readiness.run());
  return {
    roles,
    limits,
    journal,
    meter,
    now: clock.now,
    receive: ingest?.receiver.receive ?? notHere,
    receiveState: ingest?.receiver.receiveState ?? notHere,
    camera: decisions?.cameras.camera ?? notHere,
    change: decisions?.cameras.change ?? notHere,
    registry: decisions?.registry ?? noRegistry,
    audit: decisions?.audit.page ?? notHere,
    ...(api?.answers ?? noApi(logs.facts.partitions)),
    tailAt: tailAt(logs),
    facts: models && api ? createFactReplay({ ...world, ...models, ...api.answers }) : noFacts,
    sleep: clock.sleep,
    createPause: world.createPause,
    ask: models?.ask ?? noAnswers,
    video: video?.video ?? noVideo,
    jobs: jobs?.jobs ?? noJobs,
    epoch: logs.facts.epoch,
    ready: readiness.ready,
  };
};

const openFilms = ({ config, clock, journal }: World, { network }: Urls, openers: Openers): Promise<Films> =>
  (openers.openFilms ?? adapters.openFilms)(
    { folder: config.MEDIA, dataDir: config.DATA },
    {
      network,
      clock,
      journal,
      ffmpeg: config.FFMPEG,
      ffprobe: config.FFPROBE,
      certificates: config.RTSP_CERTIFICATES,
      processes: config.FFMPEG_PROCESSES,
      // Without tokens there is one tenant.
      ...(config.TOKENS === "off" ? { tenantShare: 1 } : {}),
      streams: config.LIVE_STREAMS,
      streamsPerTenant: config.LIVE_STREAMS_PER_TENANT,
      policy: { keptMs: config.RECORD_DAYS * DAY_MS, bytesPerTenant: config.RECORD_BYTES, floorBytes: config.RECORD_FREE_BYTES },
    },
  );

/** The doors ask for nothing that the roles of this process do not serve (api/access.ts). */
const notHere = (): never => {
  throw new Error("no role of this process serves this");
};
const noRegistry: Core["registry"] = {
  list: notHere,
  get: notHere,
  create: notHere,
  change: notHere,
  remove: notHere,
  tenant: notHere,
  set: notHere,
};
/** Of the rest nothing is known here either: alerts are told without their pictures. */
const noVideo: Core["video"] = {
  start: notHere,
  status: notHere,
  keepAlive: notHere,
  stop: notHere,
  file: notHere,
  hours: notHere,
  hour: notHere,
  hourFile: notHere,
  place: notHere,
  snap: notHere,
  clip: notHere,
  recording: () => undefined,
  isRecorded: () => false,
};
const noFacts: Core["facts"] = { lines: notHere, mot: notHere };
const noJobs: Core["jobs"] = { start: notHere, get: notHere, list: notHere, cancel: notHere, rows: notHere, watch: notHere };
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
  events: notHere,
  signs: notHere,
};
