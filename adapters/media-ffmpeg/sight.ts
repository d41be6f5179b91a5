/** Whether a camera is seen, out of all the films that are made of it: told when that changes. */
import { type CameraKey, type Instant, keyText } from "../../domain/envelope.ts";
import type { MediaEvent, MediaFailure } from "../../domain/media.ts";
import type { Probed } from "../ffmpeg/probe.ts";

/** These say something of us, or of what we may and can show, not of whether the camera sees. */
const OURS: ReadonlySet<MediaFailure["reason"]> = new Set([
  ...(["missing", "too-large", "too-long", "storage", "memory", "full"] as const),
  ...(["busy", "unauthorized", "not-allowed", "certificate", "redirected", "codec"] as const),
]);

export type Sight = {
  /** A piece of a film came. */
  seen(film: object, camera: CameraKey, video: Probed["video"]): void;
  lost(film: object, camera: CameraKey, failure: MediaFailure): void;
  /** The film is not made any more. Of the camera nothing new is known. */
  forget(film: object, camera: CameraKey): void;
};

export const openSight = (now: () => Instant, tell: (event: MediaEvent) => void): Sight => {
  /** `films`: those that run. A camera stands here while a film of it is wanted, and with it what was told last. */
  const cameras = new Map<string, { readonly films: Set<object>; readonly wanted: Set<object>; told: "online" | "offline" | undefined }>();
  const of = ({ tenant, camera }: CameraKey, film: object) => {
    const key = keyText(tenant, camera);
    const known = cameras.get(key) ?? { films: new Set(), wanted: new Set(), told: undefined };
    cameras.set(key, known);
    known.wanted.add(film);
    return known;
  };
  return {
    seen(film, { tenant, camera }, { codec, width, height, fps }) {
      const known = of({ tenant, camera }, film);
      known.films.add(film);
      if (known.told === "online") return;
      known.told = "online";
      tell({ tenant, camera, kind: "camera-online", at: now(), codec, width, height, fps });
    },
    lost(film, { tenant, camera }, failure) {
      const known = of({ tenant, camera }, film);
      known.films.delete(film);
      if (OURS.has(failure.reason) || known.films.size > 0 || known.told === "offline") return;
      known.told = "offline";
      tell({ tenant, camera, kind: "camera-offline", at: now(), failure });
    },
    forget(film, camera) {
      const known = of(camera, film);
      known.films.delete(film);
      known.wanted.delete(film);
      if (known.wanted.size === 0) cameras.delete(keyText(camera.tenant, camera.camera));
    },
  };
};
