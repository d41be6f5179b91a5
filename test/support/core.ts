/**
 * An in-memory fake of the Core, for tests of surfaces only: what they say, not what is true. One partition's worth of truth is
 * kept for alerts (a log that can be tailed and replayed); other questions answer what the test lays down, and remember what was asked.
 */
import { randomUUID } from "node:crypto";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { openVault } from "../../adapters/vault.ts";
import type { Changed, Core, Delivered, Incoming, NotReceived, Readiness, Received, Tail } from "../../api/core.ts";
import { type Camera, type CameraCommand, initialCamera } from "../../domain/camera.ts";
import { cameraDecider } from "../../domain/camera-decider.ts";
import { isRefusal, type Refusal } from "../../domain/decider.ts";
import type { Alert, CameraState } from "../../domain/event.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import type { Labels } from "../../domain/metrics.ts";
import type { Decided, EventStore } from "../../domain/ports.ts";
import type { FactLine, FactReplay } from "../../domain/replay.ts";
import { type Role, roles } from "../../domain/roles.ts";
import { createAudit } from "../../ingest/audit.ts";
import { createCameras } from "../../ingest/decide.ts";
import { createRegistry } from "../../ingest/registry.ts";
import { createSensors } from "../../ingest/sensors.ts";
import type { Questions } from "../../projections/questions.ts";
import { FakeJobs } from "./fake-jobs.ts";
import { FakeVideo } from "./fake-video.ts";

export const PARTITIONS = 2;
type Told = Pick<CameraState, "at" | "state" | "change" | "reason">;
type Asked = { readonly question: string; readonly scope: unknown; readonly asked: unknown };

export class FakeCore implements Core {
  readonly limits: Limits;
  roles: readonly Role[] = roles;
  epoch = "epoch-1";
  clock = Date.parse("2021-09-16T07:00:00.000Z");
  /** What /alerts answers from, and what a resuming socket is replayed. */
  readonly log: Delivered[] = [];
  readonly cameras = new Map<string, Camera>();
  readonly commands: CameraCommand[] = [];
  readonly incoming: (Incoming & { readonly tenant: string })[] = [];
  readonly states: (Told & { readonly camera: string })[] = [];
  readonly asked: Asked[] = [];
  readonly waited: { readonly reached: ReadonlyMap<number, number>; readonly what: string }[] = [];
  readonly counted: string[] = [];
  readonly lines: string[] = [];
  answer: Received | NotReceived = { accepted: 1, duplicates: 0, rejected: [], reached: new Map([[1, 65_536]]) };
  refusal: Refusal | undefined;
  defect: Error | undefined;
  settles = true;
  isReady = true;
  start: Tail = [0, 0];
  end: Tail = [0, 0];
  /** Runs before each batch of a replay. */
  replaying: () => void = () => {};
  readonly #tails = new Set<(batch: readonly Delivered[], at: Tail) => void>();

  constructor(own: Partial<Limits> = {}) {
    this.limits = { ...limits, ...own };
  }

  readonly journal = {
    debug: () => {},
    info: () => {},
    warn: (_: object, message: string) => void this.lines.push(message),
    error: (_: object, message: string) => void this.lines.push(message),
    fatal: (_: object, message: string) => void this.lines.push(message),
  };
  /** What counters and gauges came to, by name and the values of their labels. */
  readonly figures = new Map<string, number>();
  readonly #figure = (name: string, labels: Labels = {}) => [name, ...Object.values(labels)].join(" ");
  readonly meter: Core["meter"] = {
    count: (name, n = 1, labels) => {
      this.counted.push(name);
      const figure = this.#figure(name, labels);
      this.figures.set(figure, (this.figures.get(figure) ?? 0) + n);
    },
    set: (name, value, labels) => void this.figures.set(this.#figure(name, labels), value),
    observe: () => {},
  };

  now = () => this.clock;

  receive = async (tenant: string, incoming: Incoming) => {
    this.incoming.push({ ...incoming, tenant });
    return this.answer;
  };

  receiveState = async ({ camera }: { readonly camera: string }, told: Told) => {
    this.states.push({ ...told, camera });
    return new Map([[0, 7]]);
  };

  camera = async ({ camera }: { readonly camera: string }) => {
    if (this.defect !== undefined) throw this.defect;
    return this.cameras.get(camera) ?? initialCamera();
  };

  change = async ({ camera }: { readonly camera: string }, command: CameraCommand): Promise<Changed | Refusal> => {
    if (this.refusal !== undefined) return this.refusal;
    this.commands.push(command);
    const before = this.cameras.get(camera) ?? initialCamera();
    const decided = cameraDecider.decide(command, before);
    if (isRefusal(decided)) return decided;
    const after = decided.reduce(cameraDecider.evolve, before);
    this.cameras.set(camera, after);
    return { camera: after, reached: new Map([[0, after.revision]]) };
  };

  settled = async (reached: ReadonlyMap<number, number>, what: "alerts" | "frames") => {
    this.waited.push({ reached, what });
    return this.settles;
  };

  /** Tails that were waited for, and what a test does meanwhile. */
  readonly toldTails: Tail[] = [];
  telling: () => void | Promise<void> = () => {};
  told = async (tail: Tail) => {
    this.toldTails.push(tail);
    await this.telling();
    return this.settles;
  };

  /** When facts arrived, by their position; the fake's cameras are all in partition 1. */
  readonly arrivals = new Map<number, number>();
  arrivalOf: Core["arrivalOf"] = async (_, reached) => {
    const position = reached.get(1);
    return position === undefined ? "elsewhere" : (this.arrivals.get(position) ?? "gone");
  };

  /** Commits alerts and tells the tails, as the engine would. */
  raise(...alerts: readonly Alert[]): void {
    const batch = alerts.map((alert): Delivered => {
      const partition = alert.camera.length % PARTITIONS;
      const position = this.end[partition] ?? 0;
      this.end = this.end.with(partition, position + 1);
      return { alert, partition, position };
    });
    this.log.push(...batch);
    for (const tell of this.#tails) tell(batch, this.end);
  }

  /** The real one over a store in memory, where nobody relays anything. */
  readonly store = openMemoryStore();
  readonly #log = createAudit(this.store);
  readonly #folding = {
    store: tellingStore(this.store, (event) => this.#log.note(event)),
    relay: { heard: async () => {}, passed: async () => 7, revision: () => 0 },
    clock: { now: () => this.clock, sleep: async () => {} },
    ids: randomUUID,
  };
  readonly registry = createRegistry({
    ...this.#folding,
    cameras: createCameras({ ...this.#folding, limits, sensors: createSensors(limits.sensorsPerTenant), partitionOf: () => 0 }),
    urls: {
      vault: openVault(["a key of thirty-two bytes, no less"]),
      network: openCameraNetwork({ allow: ["192.168.0.0/16"], ownPorts: () => [] }),
    },
  });
  readonly audit = this.#log.page;
  readonly video = new FakeVideo();
  readonly jobs = new FakeJobs();

  tailStart = async () => this.start;
  tailEnd = async () => this.end;
  tail = (onBatch: (batch: readonly Delivered[], at: Tail) => void) => {
    this.#tails.add(onBatch);
    return { at: this.end, stop: () => void this.#tails.delete(onBatch) };
  };
  async *between(from: Tail, to: Tail) {
    const due = this.log.filter((d) => d.position >= (from[d.partition] ?? 0) && d.position < (to[d.partition] ?? 0));
    for (let i = 0; i < due.length; i += 2) {
      this.replaying();
      await new Promise((resolve) => setImmediate(resolve));
      yield due.slice(i, i + 2);
    }
  }

  /** By the arrival of what stands in the log. */
  tailAt = async (at: number): Promise<Tail> =>
    this.end.map((end, partition) => this.log.find((d) => d.partition === partition && d.alert.receivedAt >= at)?.position ?? end);
  /** Nothing; a test replaces what it needs. */
  facts: FactReplay = {
    lines: async () => ({ partition: 0, missing: false, lines: noLines() }),
    mot: async () => ({ partition: 0, missing: false, lines: noLines(), key: { fps: 1000, start: 0, type: undefined, late: 0 } }),
  };
  sleep: Core["sleep"] = systemClock.sleep;
  createPause = () => async () => {};

  ready = async (): Promise<readonly Readiness[]> => [
    { kind: "warehouse", part: "warehouse", roles: this.roles, ready: this.isReady, detail: "" },
  ];
  metrics = async () => "# TYPE tallywire_frames_total counter\n";

  /** What the questions answer; a test replaces what it needs. */
  laid: { [Q in keyof Questions]: Awaited<ReturnType<Questions[Q]>> } = {
    alerts: { rows: [], more: undefined },
    alert: undefined,
    events: { rows: [], more: undefined },
    signs: new Map(),
    alertCounts: [],
    crossings: { rows: [], more: undefined },
    stays: { rows: [], more: undefined },
    tripwireCounts: [],
    tripwireHistogram: [],
    occupancyHistogram: [],
    uptime: 1,
    frames: { rows: [], more: undefined },
    behavior: { rows: [], more: undefined },
  };
  readonly #answer =
    <Q extends keyof Questions>(question: Q) =>
    async (scope: unknown, asked: unknown) => {
      this.asked.push({ question, scope, asked });
      return this.laid[question];
    };
  readonly ask: Questions = {
    alerts: async (scope, asked) => {
      this.asked.push({ question: "alerts", scope, asked });
      const { from = -Infinity, to = Infinity, after, limit, analytic } = asked;
      const rows = this.log
        .map(({ alert }) => alert)
        .filter((alert) => alert.tenant === scope.tenant && alert.camera === scope.camera && alert.end > from && alert.end <= to)
        .filter(({ place }) => analytic === undefined || place.analytic === analytic)
        .sort((a, b) => b.end - a.end || (a.id < b.id ? 1 : -1))
        .filter(({ end, id }) => after === undefined || end < after.at || (end === after.at && id < after.id));
      const last = rows.slice(0, limit).at(-1);
      return { rows: rows.slice(0, limit), more: rows.length > limit && last ? { at: last.end, id: last.id } : undefined };
    },
    alert: async (tenant, id) => this.log.map(({ alert }) => alert).findLast((alert) => alert.tenant === tenant && alert.id === id),
    events: this.#answer("events"),
    signs: this.#answer("signs"),
    alertCounts: this.#answer("alertCounts"),
    crossings: this.#answer("crossings"),
    stays: this.#answer("stays"),
    tripwireCounts: this.#answer("tripwireCounts"),
    tripwireHistogram: this.#answer("tripwireHistogram"),
    occupancyHistogram: this.#answer("occupancyHistogram"),
    uptime: this.#answer("uptime"),
    frames: this.#answer("frames"),
    behavior: this.#answer("behavior"),
  };
}

async function* noLines(): AsyncGenerator<readonly FactLine[]> {}

/** The same store; what is appended is told of at once. */
const tellingStore = (store: EventStore, tell: (event: Decided) => void): EventStore => ({
  ...store,
  append: async (stream, expected, events) => {
    const revision = await store.append(stream, expected, events);
    for (const event of await store.read(stream)) tell(event);
    return revision;
  },
});
