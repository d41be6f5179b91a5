/** Whether a camera is there. */
import type { Instant } from "./envelope.ts";
import type { CameraState } from "./event.ts";
import { limits } from "./limits.ts";

/** What a VMS tells of a camera, in its own word, as a state. Any other word is stored and changes nothing. */
export const stateOfChange = (change: string): CameraState["state"] =>
  change === "camera_streaming" ? "online" : change === "camera_remove" ? "removed" : "other";

export type CameraStatus = "online" | "offline" | "unknown";

/** What is known of a camera: its newest frame's timestamp, and the newest word of it. */
export type Sign = {
  readonly lastFrame: Instant | undefined;
  readonly state: "online" | "offline" | "removed" | undefined;
  readonly stateAt: Instant | undefined;
};

/**
 * The newer of frame and word counts; at one instant the word. A frame speaks for `silentMs`, and so does the word that the camera is there; where
 * there never was a frame, that word holds until another. A frame after the word that it is gone says that it is there again.
 */
export const statusOf = (sign: Sign | undefined, now: Instant): CameraStatus => {
  const { lastFrame, state, stateAt } = sign ?? {};
  const isWord = state !== undefined && stateAt !== undefined && (lastFrame === undefined || stateAt >= lastFrame);
  if (isWord && state !== "online") return "offline";
  if (isWord && lastFrame === undefined) return "online";
  const newest = isWord ? stateAt : lastFrame;
  if (newest === undefined) return "unknown";
  return now - newest < limits.silentMs ? "online" : "offline";
};
