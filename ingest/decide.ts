/** Decisions about cameras: load, decide, append against the expected revision, and wait until the log has them. */
import type { Camera, CameraCommand, CameraEvent } from "../domain/camera.ts";
import { type Decider, isRefusal, type Refusal, refuse } from "../domain/decider.ts";
import type { CameraKey, Json } from "../domain/envelope.ts";
import { limits } from "../domain/limits.ts";
import { AdapterError, type Clock, type EventStore, type Revision } from "../domain/ports.ts";
import { cameraStream } from "../domain/streams.ts";
import { sensorProblem } from "./normalise.ts";
import type { Reached } from "./received.ts";
import { decisionOf, type Relay } from "./relay.ts";

export type Cameras = {
  /** As decided so far; one never heard of is the initial camera. */
  camera(key: CameraKey): Promise<Camera>;
  /** Resolves when what was decided, now or earlier, is durable in the camera's partition. */
  change(key: CameraKey, command: CameraCommand): Promise<{ readonly camera: Camera; readonly reached: Reached } | Refusal>;
};

type World = {
  readonly store: EventStore;
  readonly relay: Pick<Relay, "passed" | "revision">;
  readonly decider: Decider<CameraCommand, Camera, CameraEvent>;
  readonly clock: Clock;
  /** A new UUID. */
  readonly ids: () => string;
  readonly partitionOf: (tenant: string, camera: string) => number;
  /** Cameras kept folded. */
  readonly capacity?: number;
};

/** `revision` is the stream's. */
type Folded = { readonly revision: Revision; readonly camera: Camera };

const ATTEMPTS = 8;
const CAPACITY = 10_000;

export const createCameras = ({ store, relay, decider, clock, ids, partitionOf, capacity = CAPACITY }: World): Cameras => {
  const folded = new Map<string, Folded>();
  const turns = new Map<string, Promise<unknown>>();

  const keep = (stream: string, fold: Folded): Folded => {
    folded.delete(stream);
    folded.set(stream, fold);
    if (folded.size > capacity) for (const oldest of folded.keys()) if (folded.delete(oldest)) break;
    return fold;
  };

  const load = async (stream: string): Promise<Folded> => {
    const known = folded.get(stream);
    // Another process may have decided: the relay has heard of it.
    if (known !== undefined && known.revision >= relay.revision(stream)) return known;
    const events = await store.read(stream);
    const camera = events.reduce((state, event) => decider.evolve(state, decisionOf(event)), decider.initial());
    return keep(stream, { revision: events.at(-1)?.revision ?? 0, camera });
  };

  const decide = async (stream: string, command: CameraCommand): Promise<Folded | Refusal> => {
    for (let attempt = 1; ; attempt++) {
      const before = await load(stream);
      const events = decider.decide(command, before.camera);
      if (isRefusal(events)) return events;
      if (events.length === 0) return before;
      const at = clock.now();
      const decisions = events.map((event) => ({ id: ids(), type: event.type, data: event as unknown as Json, at }));
      try {
        const revision = await store.append(stream, before.revision, decisions);
        return keep(stream, { revision, camera: events.reduce((state, event) => decider.evolve(state, event), before.camera) });
      } catch (error) {
        // Whatever went wrong, the fold may be behind now.
        folded.delete(stream);
        if (!(error instanceof AdapterError && error.code === "wrong-revision")) throw error;
        if (attempt === ATTEMPTS) return refuse("conflict", "", "the camera is being changed by others at the same time");
      }
    }
  };

  /** One change of a camera after the other in this process; only other processes can still be in the way. */
  const inTurn = async <A>(stream: string, work: () => Promise<A>): Promise<A> => {
    const before = turns.get(stream) ?? Promise.resolve();
    const mine = before.then(work, work);
    turns.set(stream, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(stream) === mine) turns.delete(stream);
    }
  };

  const change: Cameras["change"] = async (key, command) => {
    const problem = sensorProblem(key.camera, limits);
    if (problem !== undefined) return refuse("invalid", "sensorId", problem);
    const stream = cameraStream(key);
    const decided = await inTurn(stream, () => decide(stream, command));
    if (isRefusal(decided)) return decided;
    const { camera, revision } = decided;
    if (revision === 0) return { camera, reached: new Map() };
    return { camera, reached: new Map([[partitionOf(key.tenant, key.camera), await relay.passed(stream, revision)]]) };
  };

  const camera: Cameras["camera"] = async (key) => {
    if (sensorProblem(key.camera, limits) !== undefined) return decider.initial();
    return (await load(cameraStream(key))).camera;
  };

  return { camera, change };
};
