/**
 * Live films: one ffmpeg for a camera, a size and its sound, shared by all who watch. Its pieces stand in a folder of their own that goes
 * with the last of them; the playlist is ours, so that a film whose ffmpeg was started again goes on in it.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { limits } from "../../domain/limits.ts";
import type { LiveStream, LiveWish, MediaFailure, MediaFile } from "../../domain/media.ts";
import { AdapterError, type Clock } from "../../domain/ports.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import type { Ffmpeg } from "../ffmpeg.ts";
import { isHeaded } from "./film.ts";
import { type Kept, keep } from "./keep.ts";
import type { Look, Looked } from "./look.ts";
import { type Entry, playlistText, targetOf } from "./playlist.ts";
import { initName, readIfThere, readName, segmentName } from "./read.ts";
import { discard, type Made, type Run, startRun } from "./run.ts";
import { evenSize, isOwnSize } from "./size.ts";
import { measurer, stamper } from "./stamp.ts";
import { timeline } from "./timing.ts";

export type LiveHow = {
  readonly ffmpeg: Ffmpeg;
  readonly look: Look;
  readonly clock: Clock;
  /** Of ours alone: each film gets a folder in it. */
  readonly folder: string;
  /** In place of the limits liveStreams, liveStreamsPerTenant and liveTries. */
  readonly streams?: number;
  readonly streamsPerTenant?: number;
  readonly tries?: number;
};

/** Seconds. Most pieces are one group of pictures, so: the first is whole, and the film begins, when there was one. */
const PIECE_SECONDS = 1;

type Piece = Entry & {
  readonly number: number;
  readonly run: number;
  readonly path: string;
  /** How many up to this one did not go on, but for the first of all. */
  readonly breaks: number;
};

const filmOf = (wish: LiveWish, how: LiveHow) => {
  const { ffmpeg, look, clock, tries = limits.liveTries } = how;
  const folder = join(how.folder, randomBytes(12).toString("hex"));
  const pieces: Piece[] = [];
  /** By their numbers. */
  const inits = new Map<number, string>();
  let [runs, next, breaks, target, inited] = [0, 0, -1, 1, 0];
  let hasDependent = false;

  const initOf = (path: string): number => {
    const known = [...inits].find(([, one]) => one === path)?.[0];
    if (known !== undefined) return known;
    inited += 1;
    inits.set(inited, path);
    return inited;
  };

  /** What is no longer in the playlist stays as long again, for those who have just read it; then it goes. */
  const tidy = async (): Promise<void> => {
    while (pieces.length > 2 * limits.liveSegments) {
      const { path, run: number } = pieces.shift() as Piece;
      await rm(path, { force: true });
      if (pieces[0]?.run === number) continue;
      for (const [init, one] of inits) if (dirname(one) === dirname(path)) inits.delete(init);
      await rm(dirname(path), { recursive: true, force: true });
    }
  };

  /** Whether a film begun before that was known is not the one to make. What has the size anyway is not encoded as long as it is watched. */
  const isInVain = ({ video }: Probed): boolean => video.isReordered || (isOwnSize(wish, video) && !isOwnSize(wish, undefined));

  /** Where what the camera sends is not known yet, its pieces wait for it. */
  const run = (looked: Looked | Promise<Looked>): Run => {
    runs += 1;
    const number = runs;
    const probed = "video" in looked ? looked : undefined;
    const own = join(folder, String(number));
    const place = timeline();
    const readers = new Map<string, { readonly measure: ReturnType<typeof measurer>; readonly stamp: ReturnType<typeof stamper> }>();
    const made = async ({ path, completedAt, init, lateMs, isNew }: Made): Promise<void> => {
      const seen = await looked;
      if ("failed" in seen || (probed === undefined && isInVain(seen))) return;
      const reader = readers.get(init) ?? { measure: measurer(init), stamp: stamper(init) };
      readers.set(init, reader);
      const { start, end, jumped } = place(Math.max(1, Math.round(lateMs + (await reader.measure(path)))), completedAt);
      await reader.stamp(path, start + lateMs);
      if (jumped || isNew) breaks += 1;
      // What follows a head does not begin with a keyframe.
      hasDependent ||= isHeaded(film);
      // It changes for a longer piece only, though it should not change at all (RFC 8216, 6.2.1): how long pieces will be is not known before
      // they come, and players stay three times this behind, so saying more from the beginning would show everything later.
      target = Math.max(target, targetOf([end - start]));
      pieces.push({
        uri: segmentName(next),
        start,
        durationMs: end - start,
        init: initName(initOf(init)),
        isNew: jumped || isNew,
        number: next,
        run: number,
        path,
        breaks,
      });
      next += 1;
      kept.runs();
      await tidy();
    };
    const film = { ...wish, probed, seconds: PIECE_SECONDS, hasHead: true, folder: own };
    return startRun(film, { ffmpeg, clock, made });
  };

  /** The first time a camera is looked at while its film begins: one after the other would take a group of pictures more. */
  const begin = async (again: boolean, signal: AbortSignal): Promise<Run | { readonly failed: MediaFailure }> => {
    const looking = look.at(wish, again, signal);
    const early = again || look.known(wish.url) !== undefined ? undefined : run(looking);
    const looked = await looking;
    if (early !== undefined && "video" in looked && !isInVain(looked)) return early;
    early?.stop();
    await early?.done;
    return "failed" in looked ? looked : run(looked);
  };

  const kept: Kept = keep({ begin, clock, tries });

  const playlist = (): MediaFile | undefined => {
    const listed = pieces.slice(-limits.liveSegments);
    const [first] = listed;
    if (first === undefined) return undefined;
    const text = playlistText(listed, { target, sequence: first.number, discontinuities: first.breaks, kind: "live", hasDependent });
    return { type: "application/vnd.apple.mpegurl", content: new TextEncoder().encode(text) };
  };

  return {
    kept,
    async file(name: string): Promise<MediaFile | undefined> {
      const wanted = readName(name);
      if (wanted === undefined) return undefined;
      if ("playlist" in wanted) return playlist();
      const path = "init" in wanted ? inits.get(wanted.init) : pieces.find(({ number }) => number === wanted.segment)?.path;
      return path === undefined ? undefined : readIfThere(path, "init" in wanted ? "video/mp4" : "video/iso.segment");
    },
    async end(): Promise<void> {
      await kept.stop();
      pieces.length = 0;
      inits.clear();
      await discard(folder);
    },
  };
};

type Film = ReturnType<typeof filmOf>;
type Shared = {
  readonly film: Film;
  readonly wish: LiveWish;
  readonly tenant: string;
  readonly key: string;
  users: number;
  ended: Promise<void> | undefined;
};

export type Live = {
  open(wish: LiveWish): LiveStream;
  close(): Promise<void>;
};

export const openLive = async (how: LiveHow): Promise<Live> => {
  const { streams = limits.liveStreams, streamsPerTenant = limits.liveStreamsPerTenant } = how;
  // Nothing in it is of use to anybody after its server has gone.
  await rm(how.folder, { recursive: true, force: true });
  await mkdir(how.folder, { recursive: true, mode: 0o700 });
  const all = new Set<Shared>();
  let isClosed = false;

  const hasFailed = ({ film }: Shared): boolean => film.kept.state().state === "failed";
  const endOf = (shared: Shared): Promise<void> => {
    shared.ended ??= shared.film.end().finally(() => all.delete(shared));
    return shared.ended;
  };

  const begin = (wish: LiveWish, key: string): Shared => {
    const made = [...all].filter((shared) => !hasFailed(shared));
    if (made.length >= streams) throw new AdapterError("full", `${streams} live films are made, and no more may be`, { retryable: true });
    if (made.filter(({ tenant }) => tenant === wish.tenant).length >= streamsPerTenant)
      throw new AdapterError("full", `${streamsPerTenant} live films are made for this tenant, and no more may be`, { retryable: true });
    const isEncoded = (one: LiveWish): boolean => !isOwnSize(one, undefined);
    const encoded = made.filter(({ wish: one }) => isEncoded(one));
    if (isEncoded(wish) && encoded.length >= limits.liveEncoded)
      throw new AdapterError("full", `${limits.liveEncoded} live films are encoded, and no more may be`, { retryable: true });
    if (isEncoded(wish) && encoded.filter(({ tenant }) => tenant === wish.tenant).length >= limits.liveEncodedPerTenant)
      throw new AdapterError("full", `${limits.liveEncodedPerTenant} live films are encoded for this tenant, and no more may be`, {
        retryable: true,
      });
    const shared: Shared = { film: filmOf(wish, how), wish, tenant: wish.tenant, key, users: 0, ended: undefined };
    all.add(shared);
    return shared;
  };

  return {
    open(asked) {
      if (isClosed) throw new AdapterError("closed", "No film is made any more", { retryable: false });
      const wish = { ...asked, ...evenSize(asked) };
      const { tenant, camera, url, width, height, audio } = wish;
      const key = JSON.stringify([tenant, camera, url, width, height, audio]);
      // One that has failed is left to those who still look at it.
      const running = [...all].find((one) => one.key === key && one.ended === undefined && !hasFailed(one));
      const shared = running ?? begin(wish, key);
      shared.users += 1;
      let released: Promise<void> | undefined;
      return {
        state: shared.film.kept.state,
        ready: shared.film.kept.ready,
        file: (name) => (released === undefined ? shared.film.file(name) : Promise.resolve(undefined)),
        release() {
          if (released === undefined) {
            shared.users -= 1;
            released = shared.users === 0 ? endOf(shared) : Promise.resolve();
          }
          return released;
        },
      };
    },
    async close() {
      isClosed = true;
      await Promise.all([...all].map(endOf));
    },
  };
};
