/** Whether cameras are seen, as facts: of each camera one after the other, in the order in which it happened, and none is lost unsaid. */
import type { NotReceived, Reached } from "../domain/door.ts";
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { CameraState } from "../domain/event.ts";
import { limits } from "../domain/limits.ts";
import type { MediaEvent } from "../domain/media.ts";
import type { Clock, Journal, Media, Stop } from "../domain/ports.ts";
import { createSeldom } from "../domain/seldom.ts";
import { whenStopped } from "../domain/stop.ts";

type Told = Pick<CameraState, "at" | "state" | "change" | "reason" | "picture">;

export type StateWorld = {
  readonly media: Pick<Media, "onEvent">;
  /** As the door takes it. */
  readonly receiveState: (key: CameraKey, state: Told) => Promise<Reached | NotReceived>;
  readonly clock: Clock;
  readonly journal: Journal;
  /** Ends trying again; what waits then is given up, and that is said. */
  readonly stop: Stop;
};

const FIRST_MS = 100;
const MOST_MS = 5000;
/** These may pass. */
const RETRYABLE: ReadonlySet<NotReceived["problem"]> = new Set(["busy", "unavailable"]);

const stateOf = (event: Extract<MediaEvent, { kind: "camera-online" | "camera-offline" }>): Told => {
  const { kind, at } = event;
  if (kind === "camera-offline") return { at, state: "offline", change: "video", reason: event.failure.message };
  const { codec, width, height, fps } = event;
  return { at, state: "online", change: "video", reason: undefined, picture: { codec, width, height, fps } };
};

/** `done` resolves after the stop, when nothing is being written any more; rejects with a defect. */
export const tellStates = ({ media, receiveState, clock, journal, stop }: StateWorld): { readonly done: Promise<void> } => {
  /** What waits of each camera; the first is being written. */
  const waiting = new Map<string, { readonly key: CameraKey; readonly states: Told[] }>();
  const underWay = new Set<Promise<void>>();
  const seldom = createSeldom(clock, 10, 60_000);
  let count = 0;
  let broken: (error: unknown) => void = () => undefined;
  const defect = new Promise<never>((_, reject) => {
    broken = reject;
  });

  const lose = (key: CameraKey, { at, state }: Told, why: string): void =>
    seldom((more) => journal.error({ ...key, at, state, why, more }, "whether a camera is seen could not be written: rules are not told"));

  const write = async (key: CameraKey, state: Told): Promise<void> => {
    for (let pause = FIRST_MS; ; pause = Math.min(pause * 2, MOST_MS)) {
      const answer = await receiveState(key, state);
      if (!("problem" in answer)) return;
      if (!RETRYABLE.has(answer.problem) || stop.aborted) return lose(key, state, answer.detail);
      await clock.sleep(pause, stop);
    }
  };
  const work = async (name: string, { key, states }: { readonly key: CameraKey; readonly states: Told[] }): Promise<void> => {
    for (let next = states[0]; next !== undefined; next = states[0]) {
      await write(key, next);
      states.shift();
      count -= 1;
    }
    waiting.delete(name);
  };

  media.onEvent((event) => {
    if (event.kind !== "camera-online" && event.kind !== "camera-offline") return;
    const key = { tenant: event.tenant, camera: event.camera };
    const state = stateOf(event);
    const name = keyText(key.tenant, key.camera);
    const known = waiting.get(name);
    if (count >= limits.cameraStatesWaiting) {
      // The newest is what is true: the oldest of the same camera goes for it, but for the one that is being written.
      const [oldest] = known?.states.splice(1, 1) ?? [];
      lose(key, oldest ?? state, `${limits.cameraStatesWaiting} wait, and no more may`);
      if (oldest === undefined) return;
      count -= 1;
    }
    count += 1;
    if (known !== undefined) {
      known.states.push(state);
      return;
    }
    const begun = { key, states: [state] };
    waiting.set(name, begun);
    const working = work(name, begun)
      .catch(broken)
      .finally(() => underWay.delete(working));
    underWay.add(working);
  });

  const stopped = new Promise<void>((resolve) => {
    whenStopped(stop, resolve);
  });
  const ended = stopped.then(async () => {
    while (underWay.size > 0) await Promise.all(underWay);
  });
  return { done: Promise.race([ended, defect]) };
};
