/** Playbacks over a store, as one life of a server has them: told of every decision, from the first one on. */
import { randomUUID } from "node:crypto";
import type { CameraKey } from "../../domain/envelope.ts";
import { createStreams } from "../../domain/fold.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import { playbackDecider } from "../../domain/playback.ts";
import type { Clock, EventStore, Journal, Media, Meter } from "../../domain/ports.ts";
import { createPlaybacks, type PlaybackWorld } from "../../video/playbacks.ts";
import { createRecordings } from "../../video/recordings.ts";

/** Keeps what is told, by level. */
export const journalOf = (lines: string[]): Journal => {
  const tell =
    (level: string) =>
    (_: object, message: string): void =>
      void lines.push(`${level} ${message}`);
  return { debug: tell("debug"), info: tell("info"), warn: tell("warn"), error: tell("error"), fatal: tell("fatal") };
};

/** What gauges say now. */
export const gaugesOf = (gauges: Map<string, number>): Meter => ({
  count() {},
  observe() {},
  set: (name, value, labels = {}) => void gauges.set([name, ...Object.values(labels)].join(" "), value),
});

export type Cameras = Map<string, string | undefined | Error>;

export const playbackLife = (how: {
  readonly store: EventStore;
  readonly media: Media;
  readonly clock: Clock;
  /** Addresses of the cameras of tenant t1; an error is thrown. */
  readonly cameras: Cameras;
  readonly limits?: Partial<Limits>;
}) => {
  const { store, media, clock, cameras } = how;
  const revisions = new Map<string, number>();
  const lines: string[] = [];
  const gauges = new Map<string, number>();
  const addressOf: PlaybackWorld["addressOf"] = async ({ tenant, camera }: CameraKey) => {
    const url = cameras.get(camera);
    if (url instanceof Error) throw url;
    return tenant === "t1" && cameras.has(camera) ? { url } : undefined;
  };
  const ending = new AbortController();
  const inForce = { ...limits, ...how.limits };
  const playbacks = createPlaybacks({
    streams: createStreams({ store, revision: (stream) => revisions.get(stream) ?? 0, clock, ids: randomUUID }, playbackDecider),
    ...{ media, addressOf, clock, limits: inForce },
    recordings: createRecordings({ media, clock, limits: inForce, stop: ending.signal }),
    journal: journalOf(lines),
    meter: gaugesOf(gauges),
  });
  const following = async (): Promise<void> => {
    for await (const { events } of store.follow(0, ending.signal))
      for (const event of events) {
        playbacks.note(event);
        revisions.set(event.stream, event.revision);
      }
  };
  const done = Promise.all([following(), playbacks.run(ending.signal)]);
  return {
    playbacks,
    lines,
    gauges,
    /** As a server that is told to end; without `close` as one that is killed. */
    async end(): Promise<void> {
      ending.abort();
      await done;
      await playbacks.close();
    },
    async kill(): Promise<void> {
      ending.abort();
      await done;
    },
  };
};
