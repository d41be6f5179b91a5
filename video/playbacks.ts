/**
 * Playbacks of all tenants: what is decided of them stands in the store, their films and their time in this process.
 *
 *   start -> playback-started -> film -> it plays
 *   keep-alive, file -> its end is put off; nobody asked for long enough -> playback-ended
 *   open ones of an earlier life are held again, each as if it were just kept alive; whoever asks then begins the film anew
 */
import { isRefusal, refuse } from "../domain/decider.ts";
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Streams } from "../domain/fold.ts";
import { type MediaFailure, PLAYLIST, type StreamState } from "../domain/media.ts";
import { type PlaybackCommand, type Playbacks, playbackDecider } from "../domain/playback.ts";
import { AdapterError, type Decided, type Meter, type Stop } from "../domain/ports.ts";
import { cameraOfStream, playbackStream, tenantOfPlaybackStream } from "../domain/streams.ts";
import { createTurns } from "../domain/turns.ts";
import type { NoPlayback, PlaybackKind, PlaybackWish, Video } from "../domain/video.ts";
import { within } from "../domain/within.ts";
import { createFilmOf, type FilmWorld } from "./film-of.ts";
import { createHeld, endOf, type Film, type Held, statusOf } from "./held.ts";
import { createOpenOnes } from "./open-ones.ts";

export type PlaybackWorld = FilmWorld & {
  readonly streams: Streams<PlaybackCommand, Playbacks>;
  readonly meter: Meter;
};

export type OpenPlaybacks = Pick<Video, "start" | "status" | "keepAlive" | "stop" | "file"> & {
  /** Of each decision as the store tells of it, or of the newest of a stream; one told of before is passed over. */
  note(event: Pick<Decided, "stream" | "revision">): void;
  /** Ends what nobody keeps alive, and takes on what an earlier life has left. Until the signal; rejects with a defect. */
  run(stop: Stop): Promise<void>;
  /** Gives back all films. Nothing is decided: the next life takes the playbacks on. */
  close(): Promise<void>;
};

/** Milliseconds between looks at which have had their time. */
const LOOK_MS = 1000;
/** Milliseconds between two looks beyond which the clock was set or the process was held: that is nobody's fault who keeps alive. */
const LEAP_MS = 10_000;

const closed = (): AdapterError => new AdapterError("closed", "This server is shutting down", { retryable: true });

export const createPlaybacks = (world: PlaybackWorld): OpenPlaybacks => {
  const { streams, clock, limits, journal, meter } = world;
  const held = createHeld(meter);
  const turn = createTurns();
  const open = createOpenOnes();
  const films = createFilmOf(world);
  /** Tenants whose playbacks of an earlier life are held. */
  const adopted = new Set<string>();
  /** Cameras of which something was decided. */
  const changed = new Map<string, CameraKey>();
  /** Films that are being given back. */
  const releases = new Set<Promise<void>>();
  let defect: { readonly error: unknown } | undefined;
  let starting = 0;
  let isClosed = false;
  let isAway = false;

  const later = (): Instant => clock.now() + limits.playbackKeptMs;

  const giveBack = (film: Film | undefined): void => {
    if (film === undefined) return;
    const released = film
      .release()
      .catch((error: unknown) => {
        defect ??= { error };
      })
      .finally(() => releases.delete(released));
    releases.add(released);
  };
  const drop = (one: Held): void => {
    one.isOver = true;
    held.drop(one);
    giveBack(one.film);
  };

  // In the tenant's turn, these three.
  const adopt = async (tenant: string): Promise<Playbacks> => {
    const stream = playbackStream(tenant);
    const { state } = await open.settle(tenant, { load: () => streams.load(stream), refresh: () => streams.refresh(stream) });
    if (isClosed) throw closed();
    for (const playback of state.open.values()) if (held.get(tenant, playback.id) === undefined) held.hold(tenant, playback, later());
    for (const one of held.of(tenant)) if (!state.open.has(one.playback.id)) drop(one);
    adopted.add(tenant);
    return state;
  };
  const conclude = async (one: Held, command: PlaybackCommand, by?: string): Promise<void> => {
    const after = await streams.decide(playbackStream(one.key.tenant), command, by);
    // Ending is refused only where others are always faster.
    if (isRefusal(after)) throw new AdapterError("unavailable", after.detail, { retryable: true });
    drop(one);
  };
  /** Where there is no room nothing is decided: its film is begun first, and given back where no playback comes of it. */
  const decided = async (
    key: CameraKey,
    wish: PlaybackWish,
    { begin, url }: { readonly begin: () => Film | NoPlayback; readonly url?: string },
    by?: string,
  ): Promise<Held | NoPlayback> => {
    const before = await adopt(key.tenant);
    const command: PlaybackCommand = { type: "start", camera: key.camera, wish, at: clock.now() };
    const refused = playbackDecider.decide(command, before);
    if (isRefusal(refused)) return refused;
    const film = begin();
    if (!("release" in film)) return film;
    let one: Held | undefined;
    try {
      const after = await streams.decide(playbackStream(key.tenant), command, by);
      if (isRefusal(after)) return after;
      if (isClosed) throw closed();
      const playback = after.state.open.get(after.state.lastId);
      if (playback === undefined) throw new Error("a playback that has just begun is not open");
      one = held.hold(key.tenant, playback, later());
      // What was decided of its camera since it was looked up found nothing held.
      changed.set(keyText(key.tenant, key.camera), key);
      return Object.assign(one, { film, url });
    } finally {
      if (one === undefined) giveBack(film);
    }
  };

  const failing = ({ playback: { kind, id } }: Held, reason: string): PlaybackCommand => ({
    ...{ type: "fail", kind, id },
    ...{ at: clock.now(), reason },
  });
  /** Decides its end, unless it has ended, or `still` says otherwise, when its turn has come. */
  const end = (one: Held, command: PlaybackCommand, still = (): boolean => true): Promise<void> =>
    turn(one.key.tenant, async () => {
      if (!one.isOver && !isClosed && still()) await conclude(one, command);
    });
  const fail = async (one: Held, { reason, message }: MediaFailure): Promise<void> => {
    journal.info({ ...one.key, playback: one.playback.id, reason, failure: message }, "a playback ends: there is no film");
    await end(one, failing(one, message));
  };

  const find = async (tenant: string, kind: PlaybackKind, id: number): Promise<Held | undefined> => {
    if (isClosed) throw closed();
    if (!adopted.has(tenant)) await turn(tenant, () => adopt(tenant));
    const one = held.get(tenant, id);
    return one?.playback.kind === kind ? one : undefined;
  };
  /** The same, kept alive. */
  const touch = async (tenant: string, kind: PlaybackKind, id: number): Promise<Held | undefined> => {
    const one = await find(tenant, kind, id);
    if (one !== undefined) one.expiresAt = later();
    return one;
  };

  /** Its film, begun where it is not. None where it has ended. Throws AdapterError for what may pass. */
  const filmOf = async (one: Held): Promise<Film | undefined> => {
    if (one.film === undefined && !one.isOver) {
      if (one.beginning === undefined) one.begunAt = clock.now();
      one.beginning ??= films.begin(one).finally(() => {
        one.beginning = undefined;
      });
      const why = await one.beginning;
      if (why !== undefined) await fail(one, why);
    }
    return one.isOver ? undefined : one.film;
  };
  const whenReady = ({ ready, state }: Film): Promise<StreamState> => within({ clock }, limits.playbackReadyMs, ready, state);

  const begun = async (key: CameraKey, wish: PlaybackWish, by?: string): Promise<Held | NoPlayback> => {
    const found = await films.lookUp(key);
    if (found === undefined) return refuse("unknown-camera", "id", "there is no such camera");
    if (wish.kind === "live") {
      const { url } = found;
      if (url !== undefined) return turn(key.tenant, () => decided(key, wish, { begin: () => films.live(key, wish, url), url }, by));
      return found.failure === undefined ? refuse("invalid", "rtsp_url", "the camera has none") : { failure: found.failure };
    }
    const film = await films.archive(key, wish);
    // Where nothing was recorded there is nothing to decide.
    return "release" in film ? turn(key.tenant, () => decided(key, wish, { begin: () => film }, by)) : film;
  };

  /** A playback shows what its camera is now. */
  const check = async (one: Held): Promise<void> => {
    await one.beginning;
    const found = await films.lookUp(one.key);
    const why = films.hindrance(one.playback, found);
    if (why !== undefined) return fail(one, why);
    if (one.film === undefined || one.playback.kind === "archive" || one.url === found?.url) return;
    giveBack(one.film);
    one.film = undefined;
    await filmOf(one);
  };

  /** Whoever keeps one alive sees its camera again when that is back: its film is begun anew where it has failed, but not all the time. */
  const mend = async (one: Held): Promise<void> => {
    const end = endOf(one);
    if (end === undefined) return;
    if (end.isFinal) return fail(one, end.failure);
    if (Math.abs(clock.now() - one.begunAt) < limits.liveBackoffMs) return;
    giveBack(one.film);
    Object.assign(one, { film: undefined, failure: end.failure });
    try {
      await filmOf(one);
    } catch (error) {
      // Its state says that there is no film now: whoever asks for it next begins it.
      if (!(error instanceof AdapterError)) throw error;
    }
  };

  const attempted = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.retryable) throw error;
      if (!isAway && !isClosed)
        journal.warn({ err: error, code: error.code }, "playbacks cannot be looked after now; it is tried until they can");
      isAway = true;
      return false;
    }
  };
  const look = async (): Promise<void> => {
    if (defect !== undefined) throw defect.error;
    const works: Promise<boolean>[] = open.unsettled().map((tenant) => attempted(turn(tenant, () => adopt(tenant))));
    for (const key of changed.values()) {
      changed.delete(keyText(key.tenant, key.camera));
      const checked = held.ofCamera(key).map((one) => attempted(check(one)));
      works.push(
        Promise.all(checked).then((all) => {
          const isDone = all.every(Boolean);
          if (!isDone) changed.set(keyText(key.tenant, key.camera), key);
          return isDone;
        }),
      );
    }
    for (const one of held.all()) works.push(attempted(mend(one)));
    const isDue = ({ expiresAt }: Held): boolean => expiresAt <= clock.now();
    for (const one of held.all().filter(isDue)) {
      const { kind, id } = one.playback;
      works.push(attempted(end(one, { type: "expire", kind, id, at: clock.now() }, () => isDue(one))));
    }
    if ((await Promise.all(works)).every(Boolean)) {
      if (isAway) journal.info({}, "playbacks are looked after again");
      isAway = false;
    }
  };

  return {
    async start({ tenant, camera }, wish, by) {
      if (isClosed) throw closed();
      if (held.size + starting >= limits.playbacks)
        return { failure: { reason: "full", message: `${limits.playbacks} playbacks go on, and no more may` } };
      starting += 1;
      const one = await begun({ tenant, camera }, wish, by).finally(() => {
        starting -= 1;
      });
      if (!("key" in one)) return one;
      const state = await whenReady(one.film as Film);
      if (isClosed) throw closed();
      // Nothing has come so far, though it was tried more than once: who asked had better ask again than play what is not there.
      const why = state.state === "failed" || state.state === "stalled" ? state.failure : undefined;
      if (why !== undefined) {
        await fail(one, why);
        return { failure: why };
      }
      if (one.isOver) return { failure: { reason: "ended", message: "The playback was ended while it began" } };
      one.expiresAt = later();
      return statusOf(one);
    },

    async status(tenant, kind, id) {
      const one = await find(tenant, kind, id);
      return one && statusOf(one);
    },

    async keepAlive(tenant, kind, id) {
      const one = await touch(tenant, kind, id);
      if (one === undefined) return undefined;
      try {
        await filmOf(one);
      } catch (error) {
        // It was kept alive all the same; its state says that there is no film now.
        if (!(error instanceof AdapterError)) throw error;
      }
      return one.isOver ? undefined : statusOf(one);
    },

    async stop(tenant, kind, id, by) {
      if (isClosed) throw closed();
      return turn(tenant, async () => {
        const { ended } = await adopt(tenant);
        const one = held.get(tenant, id);
        if (one?.playback.kind !== kind) return ended.get(id) === kind;
        await conclude(one, { type: "stop", kind, id, at: clock.now() }, by);
        return true;
      });
    },

    async file(tenant, kind, id, name) {
      const one = await touch(tenant, kind, id);
      const film = one && (await filmOf(one));
      // A film that was just begun again is waited for, as at the start: a player that is told there is none gives up.
      if (film !== undefined && name === PLAYLIST && film.state().state === "starting") await whenReady(film);
      // Nothing is added to the playlist of a film that has failed: a player would wait for ever.
      return name === PLAYLIST && film?.state().state === "failed" ? undefined : film?.file(name);
    },

    note({ stream, revision }) {
      const tenant = tenantOfPlaybackStream(stream);
      if (tenant !== undefined) return open.note(tenant, revision);
      const key = cameraOfStream(stream);
      if (key !== undefined && held.ofCamera(key).length > 0) changed.set(keyText(key.tenant, key.camera), key);
    },

    async run(stop) {
      while (!stop.aborted) {
        // However long a look took: only where a pause did is it the clock.
        const before = clock.now();
        await clock.sleep(LOOK_MS, stop);
        if (stop.aborted) break;
        const passed = clock.now() - before;
        if (passed < 0 || passed > LEAP_MS) for (const one of held.all()) one.expiresAt += passed - LOOK_MS;
        if (!isClosed) await look();
      }
    },

    async close() {
      isClosed = true;
      for (const one of held.all()) drop(one);
      while (releases.size > 0) await Promise.all(releases);
      if (defect !== undefined) throw defect.error;
    },
  };
};
