/** The load of the runs at scale: many simulated shops with rules of every type, a few of them live, sent until acknowledged. */
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf } from "../../../domain/ids.ts";
import { demoConfiguration, type SimulatedFrame, shopEntrance } from "../../../examples/simulator.ts";
import { type Client, client } from "../client.ts";
import type { Installation } from "./installation.ts";

/** Long past: such a camera gets no heartbeats. */
const BEGIN = Date.UTC(2026, 0, 5, 8);
const FRAMES_A_BODY = 25;
/** A live camera is silent for so long after every so many frames: time must be told to its rules by heartbeats. */
const SILENCE = { everyFrames: 120, ms: 5000 };
const LIVE_FRAMES_A_SECOND = 10;

export type Camera = { readonly sensorId: string; readonly live: boolean; acknowledged: number; position: string };

/** A name for a camera in each partition. */
export const oneInEach = (partitions: number, prefix: string): readonly string[] => {
  const names: (string | undefined)[] = Array.from({ length: partitions }, () => undefined);
  for (let i = 0; names.includes(undefined); i++) names[partitionOf("default", `${prefix}-${i}`, partitions)] ??= `${prefix}-${i}`;
  return names as string[];
};

/** At least `count` cameras, of which `live` are live, more where a partition would have none. */
export const camerasFor = (partitions: number, count: number, live: number): readonly Camera[] => {
  const cameras: Camera[] = [];
  const met = new Set<number>();
  for (let i = 0; cameras.length < count || met.size < partitions; i++) {
    const sensorId = `shop-${String(i).padStart(3, "0")}`;
    met.add(partitionOf("default", sensorId, partitions));
    cameras.push({ sensorId, live: i < live, acknowledged: 0, position: "" });
  }
  return cameras;
};

/** Tries until the door takes it: a server may be restarting, its log may be away. What is sent again is the same. */
export const insist = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // What the door says of the frames themselves would be said again.
      if (/: 4(?!29|08)\d\d /.test(String(error))) throw error;
      await sleep(50);
    }
  }
};

export const configure = async (call: Client, sensors: readonly string[]): Promise<void> => {
  for (const sensorId of sensors) {
    await call("POST", "/config/tripwire", { ...demoConfiguration.tripwire, sensorId });
    await call("POST", "/config/roi", { ...demoConfiguration.roi, sensorId });
    for (const [place, body] of Object.entries(demoConfiguration.rules))
      await call("POST", `/config/rule/alerts/${place}`, { ...body, sensorId });
  }
};

/**
 * Sends from all cameras until as many frames are acknowledged. A camera's bodies follow each other; `senders` cameras at a time are under way.
 * `pace`: frames a second, all together; `undefined` for as fast as it goes. Frames of live cameras come beside that, at their own pace.
 */
export const send = async (options: {
  readonly url: () => string;
  readonly cameras: readonly Camera[];
  readonly seed: number;
  readonly frames: () => number;
  readonly senders: number;
  readonly pace: () => number | undefined;
  /** Told of each acknowledgement, with how long it took from the first try on. */
  readonly acknowledged?: (ms: number) => void;
}): Promise<void> => {
  const { cameras, seed } = options;
  const total = (): number => cameras.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const going = (): boolean => total() < options.frames();
  const post = async (camera: Camera, body: readonly SimulatedFrame[]): Promise<void> => {
    const began = performance.now();
    const answer = await insist(() => client(options.url())("POST", "/frames", body));
    camera.acknowledged += body.length;
    camera.position = String(answer.position);
    options.acknowledged?.(performance.now() - began);
  };

  const past = cameras.filter(({ live }) => !live);
  const waiting = past.map((camera) => ({
    camera,
    frames: shopEntrance({ seed: seed * 1000 + cameras.indexOf(camera), begin: BEGIN, sensorId: camera.sensorId }),
  }));
  let due = performance.now();
  const sender = async (): Promise<void> => {
    while (going()) {
      const pace = options.pace();
      if (pace === undefined) due = performance.now();
      else {
        due = Math.max(due, performance.now() - 1000) + (FRAMES_A_BODY / pace) * 1000;
        if (due > performance.now()) await sleep(due - performance.now());
      }
      const one = waiting.shift();
      if (one === undefined) throw new Error("there are more senders than cameras");
      await post(
        one.camera,
        Array.from({ length: FRAMES_A_BODY }, () => one.frames.next().value),
      );
      waiting.push(one);
    }
  };
  /** The same shop at the pace of the clock: timestamps are the time of sending. */
  const live = async (camera: Camera): Promise<void> => {
    const frames = shopEntrance({ seed: seed * 1000 + cameras.indexOf(camera), begin: BEGIN, sensorId: camera.sensorId });
    for (let sent = 1; going(); sent++) {
      await post(camera, [{ ...frames.next().value, timestamp: new Date().toISOString() }]);
      await sleep(sent % SILENCE.everyFrames === 0 ? SILENCE.ms : 1000 / LIVE_FRAMES_A_SECOND);
    }
  };
  await Promise.all([...Array.from({ length: options.senders }, sender), ...cameras.filter((camera) => camera.live).map(live)]);
};

/** Load on a whole installation, and probes that tell how soon what is sent is heard of: until stopped, and what is under way is through. */
export const underLoad = async (
  { house, cameras, prober }: Installation,
  how: { readonly seed: number; readonly framesPerSecond: number; readonly probeEveryMs: number },
  stop: AbortSignal,
): Promise<void> => {
  const sending = send({
    url: () => house.url,
    cameras,
    seed: how.seed,
    frames: () => (stop.aborted ? 0 : Number.POSITIVE_INFINITY),
    senders: 4,
    pace: () => how.framesPerSecond,
  });
  await Promise.all([sending, prober.run(how.probeEveryMs, stop)]);
};
