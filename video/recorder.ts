/**
 * Which cameras are recorded: those that are to be, as they are now. What was decided long ago changes nothing, it only makes us look.
 *
 *   told of -> looked at -> recorded, or no more         at once, several at a time
 *                        -> its recordings are read      beside it, once, one camera after the other: that may take minutes
 */
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { StreamState } from "../domain/media.ts";
import { AdapterError, type Clock, type Decided, type Journal, type Media, type Meter, type Stop } from "../domain/ports.ts";
import { cameraOfStream } from "../domain/streams.ts";
import { createTurns } from "../domain/turns.ts";
import { createRecordingWords } from "./recording-words.ts";

/** What a camera is now. Undefined: there is none. Throws AdapterError, `corrupt` for an address that no key of ours opens. */
export type RecordedOf = (key: CameraKey) => Promise<{ readonly url: string | undefined; readonly record: boolean } | undefined>;

export type RecorderWorld = {
  readonly media: Media;
  readonly recordedOf: RecordedOf;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Meter;
};

export type Recorder = {
  /** Of each decision as the store tells of it, or of the newest of a stream: its camera is to be looked at. */
  note(event: Pick<Decided, "stream">): void;
  /** Until the signal. Rejects with a defect. */
  run(stop: Stop): Promise<void>;
  /** How many cameras are recorded, by how that goes. */
  states(): Readonly<Record<StreamState["state"], number>>;
};

const LOOK_MS = 1000;
/** Milliseconds until what could not be done is done again, as time passes: the clock may be set meanwhile. */
const AGAIN_MS = 5000;
/** Cameras that are looked at at once. */
const AT_ONCE = 8;
/** Milliseconds between two times what is too old or too much is removed. */
const RETAIN_MS = 300_000;
async function* nothing(): AsyncGenerator<never> {}

export const createRecorder = ({ media, recordedOf, clock, journal, meter }: RecorderWorld): Recorder => {
  /** To be looked at. */
  const marked = new Map<string, CameraKey>();
  /** Those whose recordings are to be read, and all whose were, or are to be. */
  const unread = new Map<string, CameraKey>();
  const readOnce = new Set<string>();
  /** Addresses of those that are recorded. */
  const recorded = new Map<string, { readonly key: CameraKey; readonly url: string }>();
  const looking = new Set<string>();
  /** Nothing is removed while recordings are read: what has gone must not be told as being there. */
  const turn = createTurns();
  const atDisk = (stop: Stop, work: () => Promise<void>): Promise<void> =>
    turn("disk", async () => {
      if (!stop.aborted) await work();
    });

  /** Where it is to be recorded from; undefined: not at all. */
  const wanted = async (key: CameraKey): Promise<string | undefined> => {
    try {
      const camera = await recordedOf(key);
      return camera?.record === true ? camera.url : undefined;
    } catch (error) {
      if (!(error instanceof AdapterError) || error.retryable) throw error;
      journal.error({ ...key, err: error, code: error.code }, "a camera is not recorded: its address cannot be read");
      return undefined;
    }
  };

  const look = async (name: string, key: CameraKey, stop: Stop): Promise<void> => {
    const url = await wanted(key);
    // By then all films may have been closed.
    if (stop.aborted) return;
    // Also of one that was removed: what was recorded of it stays.
    if (!readOnce.has(name)) {
      readOnce.add(name);
      unread.set(name, key);
    }
    if (recorded.get(name)?.url === url) return;
    await media.record(key, url);
    if (url === undefined) recorded.delete(name);
    else recorded.set(name, { key, url });
    journal.info(key, url === undefined ? "a camera is not recorded any more" : "a camera is recorded");
  };

  const next = (): readonly [name: string, key: CameraKey] | undefined => {
    for (const [name, key] of marked) if (!looking.has(name)) return [name, key];
    return undefined;
  };
  const again = (stop: Stop, mark: () => void): void => void clock.sleep(AGAIN_MS, stop).then(mark);
  /** One of those that look at cameras. */
  const lookOn = async (stop: Stop): Promise<void> => {
    while (!stop.aborted) {
      const found = next();
      if (found === undefined) {
        await clock.sleep(LOOK_MS, stop);
        continue;
      }
      const [name, key] = found;
      marked.delete(name);
      looking.add(name);
      try {
        await look(name, key, stop);
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        journal.warn({ ...key, err: error, code: error.code }, "a camera could not be looked at: it is tried again");
        // Where something is decided meanwhile it is looked at sooner.
        again(stop, () => marked.set(name, key));
      } finally {
        looking.delete(name);
      }
    }
  };

  const readOn = async (stop: Stop): Promise<void> => {
    while (!stop.aborted) {
      const [found] = unread;
      if (found === undefined) {
        await clock.sleep(LOOK_MS, stop);
        continue;
      }
      const [name, key] = found;
      unread.delete(name);
      try {
        await atDisk(stop, () => media.reconcile(key, nothing(), stop));
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        journal.warn({ ...key, err: error, code: error.code }, "what was recorded of a camera could not be read: it is tried again");
        again(stop, () => unread.set(name, key));
      }
    }
  };

  const retain = async (): Promise<void> => {
    try {
      const bytes = await media.retain(clock.now());
      if (bytes > 0) journal.info({ bytes }, "the oldest recordings were removed");
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      journal.error({ err: error, code: error.code }, "old recordings could not be removed: it is tried again");
    }
  };

  const retainOn = async (stop: Stop): Promise<void> => {
    while (!stop.aborted) {
      await clock.sleep(RETAIN_MS, stop);
      await atDisk(stop, retain);
    }
  };

  const say = createRecordingWords(journal);
  const recordings = () => [...recorded.values()].map(({ key }) => ({ key, state: media.recording(key) }));
  const states: Recorder["states"] = () => {
    const counts = { starting: 0, running: 0, stalled: 0, failed: 0 };
    for (const { state } of recordings()) if (state !== undefined) counts[state.state] += 1;
    return counts;
  };
  const tellOn = async (stop: Stop): Promise<void> => {
    while (!stop.aborted) {
      for (const [state, count] of Object.entries(states())) meter.set("tallywire_recordings", count, { state });
      say(recordings());
      await clock.sleep(LOOK_MS, stop);
    }
  };

  return {
    states,
    note({ stream }) {
      const key = cameraOfStream(stream);
      if (key !== undefined) marked.set(keyText(key.tenant, key.camera), key);
    },
    async run(stop) {
      await Promise.all([...Array.from({ length: AT_ONCE }, () => lookOn(stop)), readOn(stop), retainOn(stop), tellOn(stop)]);
    },
  };
};
