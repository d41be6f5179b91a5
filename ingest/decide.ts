/** Decisions about one camera: decided in its stream, and answered when the log has them. */
import { type Camera, type CameraCommand, initialCamera } from "../domain/camera.ts";
import { cameraDecider } from "../domain/camera-decider.ts";
import { isRefusal, type Refusal, refuse } from "../domain/decider.ts";
import type { CameraKey } from "../domain/envelope.ts";
import { createStreams, type Folding } from "../domain/fold.ts";
import type { Limits } from "../domain/limits.ts";
import type { Changed } from "../domain/registry.ts";
import { cameraStream } from "../domain/streams.ts";
import { sensorProblem } from "./normalise.ts";
import type { Relay } from "./relay.ts";
import { type Sensors, tooManySensors } from "./sensors.ts";

export type Cameras = {
  /** As decided so far; one never heard of is the initial camera. */
  camera(key: CameraKey): Promise<Camera>;
  /** Resolves when what was decided, now or earlier, is durable in the camera's partition. `by`: who wants it. */
  change(key: CameraKey, command: CameraCommand, by?: string): Promise<Changed | Refusal>;
};

type World = Omit<Folding, "revision"> & {
  readonly relay: Pick<Relay, "passed" | "revision">;
  readonly partitionOf: (tenant: string, camera: string) => number;
  readonly limits: Pick<Limits, "idLength" | "sensorsPerTenant">;
  readonly sensors: Sensors;
};

export const createCameras = ({ relay, partitionOf, limits, sensors, ...folding }: World): Cameras => {
  const streams = createStreams({ ...folding, revision: relay.revision }, cameraDecider);
  return {
    camera: async (key) => {
      if (sensorProblem(key.camera, limits) !== undefined) return initialCamera();
      return (await streams.load(cameraStream(key))).state;
    },
    change: async (key, command, by) => {
      const problem = sensorProblem(key.camera, limits);
      if (problem !== undefined) return refuse("invalid", "sensorId", problem);
      const stream = cameraStream(key);
      // One that is registered has taken its place among the tenant's cameras, which are counted there.
      if (command.type !== "register" && !sensors.admit(key.tenant, key.camera) && (await streams.load(stream)).revision === 0)
        return refuse("too-many", "sensorId", tooManySensors(limits.sensorsPerTenant));
      const decided = await streams.decide(stream, command, by);
      if (isRefusal(decided)) return decided;
      const { state: camera, revision } = decided;
      if (revision === 0) return { camera, reached: new Map() };
      return { camera, reached: new Map([[partitionOf(key.tenant, key.camera), await relay.passed(stream, revision)]]) };
    },
  };
};
