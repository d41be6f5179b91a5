/** Playbacks as this process has them: each with its film, where one was begun, and the instant at which it ends. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { LiveStream, MediaFailure, StreamState } from "../domain/media.ts";
import type { Meter } from "../domain/ports.ts";
import type { Playback, PlaybackKind, PlaybackStatus } from "../domain/video.ts";

/** What is live, and what was recorded, alike: the latter runs from its beginning, and nothing has to be given back. */
export type Film = LiveStream;

export type Held = {
  readonly key: CameraKey;
  readonly playback: Playback;
  expiresAt: Instant;
  film: Film | undefined;
  /** When its film was begun, the last time. */
  begunAt: Instant;
  /** While it is being begun. */
  beginning: Promise<MediaFailure | undefined> | undefined;
  /** The address the film is of. */
  url: string | undefined;
  /** Why there is no film, for the moment. */
  failure: MediaFailure | undefined;
  /** It has ended, or this process gives it back. */
  isOver: boolean;
};

export const stateOf = ({ film, failure }: Held): StreamState =>
  film?.state() ?? (failure === undefined ? { state: "starting" } : { state: "stalled", failure });

export const statusOf = (held: Held): PlaybackStatus => ({ ...held.playback, state: stateOf(held), expiresAt: held.expiresAt });

/** Trying again later changes nothing, as far as anybody can tell. A camera that does not know its film may be starting. */
const FINAL: ReadonlySet<MediaFailure["reason"]> = new Set([
  ...(["unauthorized", "not-allowed", "certificate", "redirected"] as const),
  ...(["no-video", "codec", "missing"] as const),
]);

/** Why its film has come to an end, and whether a new one may go on. Undefined: it has not. */
export const endOf = ({ film }: Held): { readonly failure: MediaFailure; readonly isFinal: boolean } | undefined => {
  const state = film?.state();
  return state?.state === "failed" ? { failure: state.failure, isFinal: FINAL.has(state.failure.reason) } : undefined;
};

export type AllHeld = {
  readonly size: number;
  all(): readonly Held[];
  of(tenant: string): readonly Held[];
  get(tenant: string, id: number): Held | undefined;
  ofCamera(camera: CameraKey): readonly Held[];
  hold(tenant: string, playback: Playback, expiresAt: Instant): Held;
  drop(held: Held): void;
};

export const createHeld = (meter: Meter): AllHeld => {
  const tenants = new Map<string, Map<number, Held>>();
  const of = (tenant: string): readonly Held[] => [...(tenants.get(tenant)?.values() ?? [])];
  const all = (): readonly Held[] => [...tenants.values()].flatMap((held) => [...held.values()]);
  const tell = (tenant: string, kind: PlaybackKind): void =>
    meter.set("tallywire_playbacks", of(tenant).filter(({ playback }) => playback.kind === kind).length, { tenant, kind });
  return {
    get size() {
      let size = 0;
      for (const held of tenants.values()) size += held.size;
      return size;
    },
    all,
    of,
    get: (tenant, id) => tenants.get(tenant)?.get(id),
    ofCamera: ({ tenant, camera }) => of(tenant).filter(({ key }) => key.camera === camera),
    hold(tenant, playback, expiresAt) {
      const nothing = {
        film: undefined,
        begunAt: playback.startedAt,
        beginning: undefined,
        url: undefined,
        failure: undefined,
        isOver: false,
      };
      const held: Held = { key: { tenant, camera: playback.camera }, playback, expiresAt, ...nothing };
      const ofTenant = tenants.get(tenant) ?? new Map<number, Held>();
      tenants.set(tenant, ofTenant.set(playback.id, held));
      tell(tenant, playback.kind);
      return held;
    },
    drop({ key: { tenant }, playback: { id, kind } }) {
      const ofTenant = tenants.get(tenant);
      ofTenant?.delete(id);
      if (ofTenant?.size === 0) tenants.delete(tenant);
      tell(tenant, kind);
    },
  };
};
