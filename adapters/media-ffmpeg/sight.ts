/**
 * What a camera's recording tells of whether the camera is seen. A recording looks all the time, so it notices when the camera is back; a live
 * film ends when nobody watches, and tells nothing.
 */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { MediaEvent, MediaFailure } from "../../domain/media.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import { isOfWhatCame } from "./run.ts";

/** These say something of us, or of what we may and can show, not of whether the camera sees. An ffmpeg that somebody killed is `unknown`. */
const OURS: ReadonlySet<MediaFailure["reason"]> = new Set([
  ...(["missing", "too-large", "too-long", "storage", "memory", "full", "unknown"] as const),
  ...(["busy", "unauthorized", "not-allowed", "certificate", "redirected", "codec"] as const),
]);

export type Sight = {
  /** A piece of its film came. */
  seen(video: Probed["video"]): void;
  /** Its film is lost, or could not begin. */
  lost(failure: MediaFailure): void;
  /** It is not looked at any more: where it was gone, of what comes now nothing would be told. */
  end(): void;
};

/** Tells of each change once. Where nothing is known yet, being lost is one as well: an earlier life may have seen the camera. */
export const sightOf = ({ tenant, camera }: CameraKey, now: () => Instant, tell: (event: MediaEvent) => void): Sight => {
  let told: "online" | "offline" | undefined;
  return {
    seen({ codec, width, height, fps }) {
      if (told === "online") return;
      told = "online";
      tell({ tenant, camera, kind: "camera-online", at: now(), codec, width, height, fps });
    },
    lost(failure) {
      if (OURS.has(failure.reason) || isOfWhatCame(failure) || told === "offline") return;
      told = "offline";
      tell({ tenant, camera, kind: "camera-offline", at: now(), failure });
    },
    end() {
      if (told === "offline") tell({ tenant, camera, kind: "camera-unwatched", at: now() });
      told = undefined;
    },
  };
};
