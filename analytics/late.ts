/**
 * Frames that came late, and their place: before the first fact of a later time, within the time they were late in (a clock set back begins
 * another).
 *
 *     log      1  2  4  5  [3]  6        3 is late
 *     place    1  2  3  4  5  [3]  6     taken in; where it stands in the log it is late as ever, and nothing follows from it
 */
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Derived, Fact, Frame } from "../domain/event.ts";
import { JobFailure } from "../domain/job.ts";
import { limits } from "../domain/limits.ts";
import type { CameraMemory } from "./camera-memory.ts";
import { deriveOf, type Watch } from "./engine.ts";

/**
 * Of frames with a timestamp before `to`: one that was late before what is asked for is missed by what was under way when that began.
 * `most`: objects and frames that may be held (limit lateObjects).
 */
export type LateRange = { readonly to: Instant; readonly most?: number };

/** `turn`: how often the camera's clock had been set back by then. */
type Late = { readonly frame: Frame; readonly turn: number };
/** By camera, in the order of their places. */
export type LateFrames = ReadonlyMap<string, readonly Late[]>;

/** Gathers what is late while the past is stepped. `see`: of each camera, before it begins. `check` throws JobFailure beyond the limit. */
export const collectLate = ({ to, most = limits.lateObjects }: LateRange) => {
  const memories = new Map<string, CameraMemory>();
  const turns = new Map<string, number>();
  /** Where each camera's time was when it began: what is older has no place. */
  const begun = new Map<string, Instant>();
  const found = new Map<string, Late[]>();
  let held = 0;
  const watch: Watch = {
    late: (frame) => {
      const name = keyText(frame.tenant, frame.camera);
      const turn = turns.get(name) ?? 0;
      if (frame.timestamp >= to || (turn === 0 && frame.timestamp < (begun.get(name) ?? frame.timestamp))) return;
      held += 1 + frame.objects.length;
      // What is thrown in a step stops the camera and no more.
      if (held > most) return;
      const ofCamera = found.get(name) ?? [];
      ofCamera.push({ frame, turn });
      found.set(name, ofCamera);
    },
    clockReset: ({ tenant, camera }) => {
      const name = keyText(tenant, camera);
      turns.set(name, (turns.get(name) ?? 0) + 1);
      // What came before the clock was known to be set back was late by the old time, but belongs to the new one: it has no place in the old.
      const { lateAt = [], lateArrived: [arrived = 0] = [] } = memories.get(name)?.time ?? {};
      const ofCamera = found.get(name) ?? [];
      const isOfRun = ({ frame }: Late): boolean => frame.receivedAt >= arrived && lateAt.includes(frame.timestamp);
      for (let last = ofCamera.at(-1); last !== undefined && isOfRun(last); last = ofCamera.at(-1)) {
        ofCamera.pop();
        held -= 1 + last.frame.objects.length;
      }
    },
  };
  return {
    watch,
    see: (one: CameraMemory): void => {
      const name = keyText(one.tenant, one.camera);
      memories.set(name, one);
      if (one.time.until !== undefined) begun.set(name, one.time.until);
    },
    check: (): void => {
      if (held > most)
        throw new JobFailure(`More came late than the ${most} objects and frames that can be taken in at once: ask for a shorter time.`);
    },
    /** Sorting is stable: of one instant they are in the order of the log. */
    frames: (): LateFrames =>
      new Map(
        [...found].map(([name, ofCamera]) => [name, ofCamera.sort((a, b) => a.turn - b.turn || a.frame.timestamp - b.frame.timestamp)]),
      ),
  };
};

/** Undefined for what has no time of the sensor's own: a definition takes effect where it stands, whenever that was. */
const timeOf = (fact: Fact): Instant | undefined => {
  if (fact.kind === "frame") return fact.timestamp;
  if (fact.kind === "camera-state") return fact.at;
  return fact.kind === "heartbeat" && !fact.release ? fact.at : undefined;
};

/** The camera's step that takes them in. A repeat of a frame that was there in time comes after it, so it is known as one. */
export const takingIn = (one: CameraMemory, late: readonly Late[], watch: Watch): ((fact: Fact) => readonly Derived[]) => {
  let turn = 0;
  let next = 0;
  const watching: Watch = {
    late: watch.late,
    clockReset: (key: CameraKey) => {
      turn++;
      watch.clockReset(key);
    },
  };
  const takeIn = (frame: Frame): readonly Derived[] => {
    const { until, newestReceivedAt } = one.time;
    // What is late here, too, was late when the run began: it must not look like a clock set back.
    if (until !== undefined && frame.timestamp < until) return [];
    const derived = deriveOf(one, frame, watching);
    // Whether the sensor is live is for those to say that came in time.
    one.time.newestReceivedAt = newestReceivedAt;
    return derived;
  };
  return (fact) => {
    const time = timeOf(fact);
    if (time === undefined || next === late.length) return deriveOf(one, fact, watching);
    const out: Derived[] = [];
    for (let first = late[next]; first !== undefined && (first.turn < turn || (first.turn === turn && first.frame.timestamp < time)); ) {
      if (first.turn === turn) out.push(...takeIn(first.frame));
      first = late[++next];
    }
    if (out.length === 0) return deriveOf(one, fact, watching);
    out.push(...deriveOf(one, fact, watching));
    return out;
  };
};
