/**
 * Whether cameras are seen, as facts: of each camera one after the other, in the order in which it happened, and none is lost unsaid.
 *
 * Once a camera is said to be gone its frames cover nothing until it is said to be there. So it is gone only when its film is lost and no
 * frames of it come; as long as its film is lost that is looked at again and again.
 *
 *   film        |=========|                               |======
 *   frames      |.....................|       |...........
 *   told        online                offline online      online
 */
import type { NotReceived, Reached } from "../domain/door.ts";
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { CameraState } from "../domain/event.ts";
import type { Limits } from "../domain/limits.ts";
import type { MediaEvent } from "../domain/media.ts";
import { AdapterError, type Clock, type Journal, type Media, type Stop } from "../domain/ports.ts";
import { createSeldom } from "../domain/seldom.ts";
import { createStop, whenStopped } from "../domain/stop.ts";
import { within } from "../domain/within.ts";

type Told = Pick<CameraState, "at" | "state" | "change" | "reason" | "picture">;
type Seen = Extract<MediaEvent, { kind: "camera-online" | "camera-offline" | "camera-unwatched" }>;

export type StateWorld = {
  readonly media: Pick<Media, "onEvent">;
  /** As the door takes it. */
  readonly receiveState: (key: CameraKey, state: Told) => Promise<Reached | NotReceived>;
  /** The timestamp of a camera's newest frame. Throws AdapterError where that cannot be had now. */
  readonly lastFrame: (key: CameraKey) => Promise<Instant | undefined>;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly journal: Journal;
  /** Ends trying again; what waits then is given up, and that is said. */
  readonly stop: Stop;
};

const FIRST_MS = 100;
const MOST_MS = 5000;
/** These may pass. */
const RETRYABLE: ReadonlySet<NotReceived["problem"]> = new Set(["busy", "unavailable"]);
const FRAMES_COME = "Its film does not come, but frames of it do";
const NOT_LOOKED_AT = "Its film is not looked at any more: frames speak for it";

/** A camera of which something waits, or whose film is lost. */
type Case = {
  readonly key: CameraKey;
  readonly waiting: Seen[];
  /** How many of these, the first ones, are being worked on. */
  taken: 0 | 1;
  /** Why there is no film; undefined while there is one, or nobody looks. */
  lost: string | undefined;
  /** The newest frame at the last look. */
  frame: Instant | undefined;
  /** Ends the pause between two looks. */
  wake: () => void;
};

/** `done` resolves after the stop, when nothing is being written any more; rejects with a defect. */
export const tellStates = (world: StateWorld): { readonly done: Promise<void> } => {
  const { media, receiveState, lastFrame, clock, limits, journal, stop } = world;
  const cases = new Map<string, Case>();
  /** What was said last of each camera, in this life. */
  const told = new Map<string, "online" | "offline">();
  const underWay = new Set<Promise<void>>();
  const [seldomLost, seldomAway] = [createSeldom(clock, 10, 60_000), createSeldom(clock, 1, 60_000)];
  let count = 0;
  let broken: (error: unknown) => void = () => undefined;
  const defect = new Promise<never>((_, reject) => {
    broken = reject;
  });
  const stopped = new Promise<void>((resolve) => {
    whenStopped(stop, resolve);
  });

  const lose = (key: CameraKey, at: Instant, what: string, why: string): void =>
    seldomLost((more) =>
      journal.error({ ...key, at, state: what, why, more }, "whether a camera is seen could not be written: rules are not told"),
    );

  /** Of which nothing is remembered, that is told once more. */
  const remember = (name: string, state: "online" | "offline"): void => {
    told.delete(name);
    told.set(name, state);
    if (told.size > limits.cameraStatesWaiting) for (const oldest of told.keys()) if (told.delete(oldest)) break;
  };

  const write = async (key: CameraKey, state: Told & { readonly state: "online" | "offline" }): Promise<void> => {
    for (let pause = FIRST_MS; ; pause = Math.min(pause * 2, MOST_MS)) {
      const answer = await receiveState(key, state);
      if (!("problem" in answer)) return remember(keyText(key.tenant, key.camera), state.state);
      if (!RETRYABLE.has(answer.problem) || stop.aborted) return lose(key, state.at, state.state, answer.detail);
      await clock.sleep(pause, stop);
    }
  };

  /** Undefined: it cannot be told now. */
  const doFramesCome = async (one: Case, now: Instant): Promise<boolean | undefined> => {
    try {
      const frame = await within<Instant | undefined | "late">({ clock, stop }, limits.afterMs, lastFrame(one.key), () => "late");
      if (frame === "late") return undefined;
      if (frame === undefined) return false;
      const before = one.frame;
      one.frame = frame;
      if (frame > now - limits.frameSpeaksMs) return true;
      // Where the clock of what sends them is slow, or the warehouse behind, frames speak by going on: the second look knows.
      return before === undefined ? undefined : frame > before;
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      seldomAway((more) =>
        journal.warn(
          { ...one.key, err: error, code: error.code, more },
          "whether frames come of a camera without a film cannot be asked now: it is tried again",
        ),
      );
      return undefined;
    }
  };

  /** What has happened meanwhile is newer, and says more. */
  const hasNews = ({ waiting, taken }: Case): boolean => waiting.length > taken;

  /** Of one whose film is lost. */
  const judge = async (name: string, one: Case): Promise<void> => {
    const at = clock.now();
    const come = await doFramesCome(one, at);
    if (come === undefined || hasNews(one) || stop.aborted) return;
    const state = come ? "online" : "offline";
    if (told.get(name) === state) return;
    await write(one.key, { at, state, change: "video", reason: come ? FRAMES_COME : one.lost });
  };

  const take = async (name: string, one: Case, event: Seen): Promise<void> => {
    const { kind, at } = event;
    one.frame = undefined;
    if (kind === "camera-offline") {
      one.lost = event.failure.message;
      return hasNews(one) ? undefined : judge(name, one);
    }
    one.lost = undefined;
    if (kind === "camera-online") {
      const { codec, width, height, fps } = event;
      return write(one.key, { at, state: "online", change: "video", reason: undefined, picture: { codec, width, height, fps } });
    }
    if (told.get(name) === "offline") await write(one.key, { at, state: "online", change: "video", reason: NOT_LOOKED_AT });
    told.delete(name);
  };

  /** Until the next look, or until something happens. */
  const pause = async (one: Case): Promise<void> => {
    const nap = createStop();
    one.wake = nap.stop;
    const takeBack = whenStopped(stop, nap.stop);
    await clock.sleep(limits.filmJudgeMs, nap.signal);
    takeBack();
  };

  const work = async (name: string, one: Case): Promise<void> => {
    for (;;) {
      const [event] = one.waiting;
      if (event !== undefined) {
        one.taken = 1;
        await take(name, one, event);
        one.waiting.shift();
        one.taken = 0;
        count -= 1;
      } else if (one.lost !== undefined && !stop.aborted) {
        await pause(one);
        if (!hasNews(one) && !stop.aborted) await judge(name, one);
      } else break;
    }
    cases.delete(name);
  };

  media.onEvent((event) => {
    if (event.kind !== "camera-online" && event.kind !== "camera-offline" && event.kind !== "camera-unwatched") return;
    const key = { tenant: event.tenant, camera: event.camera };
    const name = keyText(key.tenant, key.camera);
    const known = cases.get(name);
    if (count >= limits.cameraStatesWaiting) {
      // The newest is what is true: the oldest of the same camera goes for it, but for the one that is being written.
      const [oldest] = known?.waiting.splice(1, 1) ?? [];
      const { at, kind } = oldest ?? event;
      lose(key, at, kind, `${limits.cameraStatesWaiting} wait, and no more may`);
      if (oldest === undefined) return;
      count -= 1;
    }
    count += 1;
    if (known !== undefined) {
      known.waiting.push(event);
      known.wake();
      return;
    }
    const begun: Case = { key, waiting: [event], taken: 0, lost: undefined, frame: undefined, wake: () => undefined };
    cases.set(name, begun);
    const working = work(name, begun)
      .catch(broken)
      .finally(() => underWay.delete(working));
    underWay.add(working);
  });

  const ended = stopped.then(async () => {
    while (underWay.size > 0) await Promise.all(underWay);
  });
  return { done: Promise.race([ended, defect]) };
};
