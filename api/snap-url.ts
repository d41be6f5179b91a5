/** The address of the picture of an instant, which opens it to whoever has it: a page cannot send a header for a picture. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import { heldUntil } from "./grants.ts";
import type { House } from "./surface.ts";

/** `2026-04-30/14`: the day and the hour of an instant, UTC. */
export const hourPath = (at: Instant): string => new Date(at).toISOString().slice(0, 13).replace("T", "/");

/** From the root of the server on. Undefined where there is no such picture. It holds as long as `heldUntil` says, and is the same within an hour. */
export const snapUrl = ({ core, grants }: Pick<House, "core" | "grants">, key: CameraKey, at: Instant): string | undefined => {
  if (!core.video.isRecorded(key, at)) return undefined;
  const { tenant, camera } = key;
  const grant = grants.give({ of: "snap", tenant, camera, at, until: heldUntil(core.now(), core.limits.grantMs) });
  return `/v2/hls/${encodeURIComponent(camera)}/${hourPath(at)}/snap-${at}.jpg?grant=${grant}`;
};
