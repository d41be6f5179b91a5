/**
 * The door: a body in, facts in the log. Nothing is acknowledged before it is durable.
 *
 *   receive -> unpack -> body.ts -> formats/* -> normalise.ts -> log.append -> answer
 */
import type { CameraKey } from "../domain/envelope.ts";
import type { CameraState, Fact, Frame, Heartbeat } from "../domain/event.ts";
import type { Limits } from "../domain/limits.ts";
import { createPartitions } from "../domain/partitions.ts";
import { AdapterError, type Clock, type Journal, type Log, type Meter, type Position } from "../domain/ports.ts";
import { kindOf, type Line, linesOf } from "./body.ts";
import { frameHash } from "./frame-hash.ts";
import { aheadOf, isRejection, type Observed, reject, rejectionText, sensorProblem } from "./normalise.ts";
import { type Incoming, isNotReceived, type NotReceived, notReceived, type Reached, type Received, type Rejected } from "./received.ts";
import { type Appending, createRemembered, frameKey } from "./remembered.ts";
import { createSensors, type Sensors, tooManySensors } from "./sensors.ts";
import { tooLarge, unpack } from "./unpack.ts";

export type Receiver = {
  receive(tenant: string, incoming: Incoming): Promise<Received | NotReceived>;
  /** Frames that were read elsewhere, refused ones among them. `bytes`: what they weigh while they wait. */
  take(tenant: string, lines: readonly Line[], bytes: number): Promise<Received | NotReceived>;
  receiveState(key: CameraKey, state: Pick<CameraState, "at" | "state" | "change" | "reason" | "picture">): Promise<Reached | NotReceived>;
  /** Takes nothing in from now on; resolves when what was taken in is durable or refused. */
  drain(): Promise<void>;
};

type World = {
  readonly facts: Log<Fact>;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly journal: Journal;
  /** Those of this process, where others count them too. */
  readonly sensors?: Sensors;
};

/** Rough, for back-pressure only: what a fact that is no frame weighs. */
const STATE_BYTES = 512;

export const createReceiver = ({
  facts,
  limits,
  clock,
  meter,
  journal,
  sensors = createSensors(limits.sensorsPerTenant),
}: World): Receiver => {
  const memories = Array.from({ length: facts.partitions }, () => createRemembered(limits.rememberedFrames));
  const underWay = new Set<Promise<unknown>>();
  let pendingBytes = 0;
  let draining = false;

  const partitionOfCamera = createPartitions(facts.partitions);
  const oneTooMany = reject("too-many-sensors", "sensorId", tooManySensors(limits.sensorsPerTenant));

  const memoryOf = (tenant: string, camera: string) => {
    const memory = memories[partitionOfCamera(tenant, camera)];
    if (memory === undefined) throw new Error(`camera ${camera} belongs to no partition of this log`);
    return memory;
  };

  const full = notReceived("busy", "more is waiting to be written than may wait; send again later");
  const busy = (tenant: string): NotReceived => {
    meter.count("tallywire_throttled_total", 1, { tenant });
    return full;
  };

  /** Appends, or says why not. What is no adapter's error is a defect and goes on. */
  const append = async (events: readonly Fact[]): Promise<readonly Position[] | NotReceived> => {
    const start = performance.now();
    try {
      const positions = await facts.append(events);
      meter.observe("tallywire_append_seconds", (performance.now() - start) / 1000, { log: "facts" });
      return positions;
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      journal.error({ err: error, code: error.code, facts: events.length }, "facts could not be appended");
      if (error.code === "too-large") return notReceived("too-large", error.message);
      return notReceived("unavailable", error.code === "full" ? "the log is full" : `the log cannot be written (${error.code})`);
    }
  };

  const guarded = async <A>(bytes: number, work: () => Promise<A>, throttled: () => NotReceived): Promise<A | NotReceived> => {
    if (draining) return notReceived("unavailable", "this server is shutting down");
    if (pendingBytes + bytes > limits.pendingBytes) return throttled();
    pendingBytes += bytes;
    const working = work().finally(() => {
      pendingBytes -= bytes;
      underWay.delete(working);
    });
    underWay.add(working);
    return working;
  };

  const receive = (tenant: string, incoming: Incoming): Promise<Received | NotReceived> => {
    const kind = kindOf(incoming.contentType);
    if (typeof kind !== "string") return Promise.resolve(kind);
    // Before back-pressure: sending it again later would not help.
    if (incoming.body.length > limits.bodyBytes) return Promise.resolve(tooLarge(limits.bodyBytes));
    const work = async (): Promise<Received | NotReceived> => {
      const body = await unpack(incoming.body, incoming.encoding, limits.bodyBytes);
      if (isNotReceived(body)) return body;
      const more = body.length - incoming.body.length;
      if (more > 0 && pendingBytes + more > limits.pendingBytes) return busy(tenant);
      pendingBytes += more;
      try {
        const lines = linesOf(body, kind, { now: clock.now(), limits });
        return isNotReceived(lines) ? lines : await takeIn(tenant, lines, incoming.release === true);
      } finally {
        pendingBytes -= more;
      }
    };
    return guarded(incoming.body.length, work, () => busy(tenant));
  };

  /** Whoever takes from a topic waits by itself: it was no request, and nobody is told 429. One that weighs more than may wait still goes alone. */
  const take: Receiver["take"] = (tenant, lines, bytes) =>
    guarded(
      Math.min(bytes, limits.pendingBytes),
      () => takeIn(tenant, lines, false),
      () => full,
    );

  const takeIn = async (tenant: string, lines: readonly Line[], release: boolean): Promise<Received | NotReceived> => {
    const receivedAt = clock.now();
    const appending: Appending = { keys: [] };
    const fresh: Frame[] = [];
    const rejected: Rejected[] = [];
    const refused = new Map<string, number>();
    const newest = new Map<string, Frame>();
    const reached = new Map<number, Position>();
    let duplicates = 0;
    for (const { line, frame: observed } of lines) {
      const taken = isRejection(observed) || sensors.admit(tenant, observed.sensorId) ? observed : oneTooMany;
      if (isRejection(taken)) {
        rejected.push({ line, detail: rejectionText(taken) });
        refused.set(taken.reason, (refused.get(taken.reason) ?? 0) + 1);
        continue;
      }
      const frame = frameOf(tenant, taken, receivedAt);
      if (release && frame.timestamp >= (newest.get(frame.camera)?.timestamp ?? frame.timestamp)) newest.set(frame.camera, frame);
      const key = frameKey(tenant, frame);
      const memory = memoryOf(tenant, frame.camera);
      const seen = memory.seen(key, appending);
      if (seen === false) {
        memory.begin(key, appending);
        fresh.push(frame);
      } else {
        duplicates++;
        if (seen !== true) raise(reached, partitionOfCamera(tenant, frame.camera), seen);
      }
    }
    for (const [reason, n] of refused) meter.count("tallywire_rejected_total", n, { tenant, reason });
    const events: Fact[] = [...fresh, ...Array.from(newest.values(), releaseOf)];
    if (events.length > 0) {
      let positions: readonly Position[] | NotReceived | undefined;
      try {
        positions = await append(events);
      } finally {
        if (positions === undefined || isNotReceived(positions)) {
          for (const [i, key] of appending.keys.entries()) memoryOf(tenant, (fresh[i] as Frame).camera).failed(key, appending);
        }
      }
      if (isNotReceived(positions)) return positions;
      for (const [i, event] of events.entries()) {
        const position = positions[i] as Position;
        raise(reached, partitionOfCamera(tenant, event.camera), position);
        if (i < fresh.length) memoryOf(tenant, event.camera).durable(appending.keys[i] as string, position);
      }
    }
    tell(tenant, fresh, duplicates);
    return { accepted: fresh.length, duplicates, rejected, reached };
  };

  const tell = (tenant: string, fresh: readonly Frame[], duplicates: number): void => {
    let objects = 0;
    let unusable = 0;
    for (const frame of fresh) {
      objects += frame.objects.length;
      for (const object of frame.objects) if (object.id === "") unusable++;
    }
    if (fresh.length > 0) meter.count("tallywire_frames_total", fresh.length, { tenant });
    if (objects > 0) meter.count("tallywire_objects_total", objects, { tenant });
    if (unusable > 0) meter.count("tallywire_unusable_objects_total", unusable, { tenant });
    if (duplicates > 0) meter.count("tallywire_duplicates_total", duplicates, { tenant });
  };

  const receiveState: Receiver["receiveState"] = async (key, state) => {
    const problem = sensorProblem(key.camera, limits);
    if (problem !== undefined) return notReceived("unreadable", `camera id: ${problem}`);
    if (!sensors.admit(key.tenant, key.camera)) return notReceived("unreadable", `camera id: ${oneTooMany.detail}`);
    if (!Number.isSafeInteger(state.at) || state.at < 0) return notReceived("unreadable", "at: names no instant since 1970");
    const ahead = aheadOf(state.at, "at", clock.now(), limits);
    if (ahead !== undefined) return notReceived("unreadable", rejectionText(ahead));
    for (const [name, text] of [
      ["reason", state.reason],
      ["change", state.change],
    ] as const) {
      if (text !== undefined && (text.length > limits.textLength || !text.isWellFormed()))
        return notReceived("unreadable", `${name}: is longer than ${limits.textLength} characters or holds half a surrogate pair`);
    }
    const event: CameraState = { kind: "camera-state", tenant: key.tenant, camera: key.camera, receivedAt: clock.now(), ...picked(state) };
    const work = async (): Promise<Reached | NotReceived> => {
      const positions = await append([event]);
      return isNotReceived(positions) ? positions : new Map([[partitionOfCamera(key.tenant, key.camera), positions[0] as Position]]);
    };
    return guarded(STATE_BYTES, work, () => busy(key.tenant));
  };

  const drain = async (): Promise<void> => {
    draining = true;
    await Promise.allSettled(underWay);
  };

  return { receive, take, receiveState, drain };
};

const raise = (reached: Map<number, Position>, partition: number, position: Position): void => {
  if (position > (reached.get(partition) ?? -1)) reached.set(partition, position);
};

const picked = ({ at, state, change, reason, picture }: Pick<CameraState, "at" | "state" | "change" | "reason" | "picture">) => ({
  at,
  state,
  change,
  reason,
  ...(picture === undefined ? {} : { picture }),
});

const frameOf = (tenant: string, observed: Observed, receivedAt: number): Frame => ({
  kind: "frame",
  tenant,
  camera: observed.sensorId,
  receivedAt,
  timestamp: observed.timestamp,
  id: observed.id === "" ? frameHash(observed.objects) : observed.id,
  modelVersion: observed.modelVersion,
  objects: observed.objects,
});

const releaseOf = ({ tenant, camera, receivedAt, timestamp, id }: Frame): Heartbeat => ({
  kind: "heartbeat",
  tenant,
  camera,
  receivedAt,
  at: timestamp,
  frame: { timestamp, id },
  release: true,
});
